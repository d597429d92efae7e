/** Who holds a point, and what keeps automatic control away from it. Pure. */
import type { Held, Order, Setpoint, Text } from '@/api/types'
import { covers } from '@/lib/orders'

/** Rungs that stand above every lease: no value of a plan or a person is written. */
const ABOVE = new Set(['safety', 'local', 'locked_out'])
const HARDWIRED = 'hardwired'
const STOPPED = /^automatic control is stopped: (.*) \((.*)\)$/
const LOCKED = /^out of service: (.*) \((.*)\)$/

/** What a latch says of itself: why, and who set it. */
export interface Latch {
  why: string
  who: string
}

/** The reason and the name in the words of a latch; the words themselves where they have another form. */
export function latchOf(held: Held): Latch {
  const found = STOPPED.exec(held.why) ?? LOCKED.exec(held.why)
  return { why: found?.[1] ?? held.why, who: found?.[2] ?? held.actor }
}

/** One stop of automatic control that is latched. */
export interface Stop extends Latch {
  /** Why, in both languages. */
  text: Text
  /** Scope it was asked for, as `resume` needs it; null where no order tells. */
  scope: string | null
  /** When it was asked for, ISO 8601; null where no order tells. */
  since: string | null
  /** A hardwired safety set it. */
  hardwired: boolean
  /** Points it holds. */
  points: Setpoint[]
}

/** The stops that hold points of a site, and those that a rung above them hides. */
export function stops(points: readonly Setpoint[], heldOf: (point: string) => Held | undefined, orders: readonly Order[]): Stop[] {
  const found = new Map<string, Stop>()
  const newest = [...orders].sort((a, b) => Date.parse(b.asked) - Date.parse(a.asked))
  for (const point of points) {
    const held = heldOf(point.id)
    if (held?.rung !== 'stopped') continue
    const one = stopOf(point, held, newest)
    const key = `${one.scope ?? ''} ${one.who} ${one.why}`
    const stop = found.get(key) ?? one
    stop.points.push(point)
    found.set(key, stop)
  }
  const told = new Set([...found.values()].map((stop) => stop.scope))
  return [...found.values(), ...hidden(points, heldOf, newest).filter((stop) => !told.has(stop.scope))]
}

/** The stop that holds a point, with the scope and the time of the order that asked for it. */
function stopOf(point: Setpoint, held: Held, newest: readonly Order[]): Stop {
  const latch = latchOf(held)
  const order = newest.find((one) => one.kind === 'stop' && one.actor === latch.who && one.reason === latch.why && covers(one.target, point))
  const hardwired = latch.who === HARDWIRED
  const zone = point.zone === null ? deviceOf(point) : `zone:${point.zone}`
  return { ...latch, text: held.why_text, scope: order?.target ?? (hardwired ? zone : null), since: order?.asked ?? null, hardwired, points: [] }
}

/** Stops whose every point is held by a rung above, so that no holder tells of them; by the orders of people. */
function hidden(points: readonly Setpoint[], heldOf: (point: string) => Held | undefined, newest: readonly Order[]): Stop[] {
  const targets = new Set(newest.filter((one) => one.kind === 'stop' && one.state === 'verified').map((one) => one.target))
  return [...targets].flatMap((scope) => {
    const at = newest.findIndex((one) => one.kind === 'stop' && one.target === scope && one.state === 'verified')
    const order = newest[at]
    const inside = points.filter((point) => covers(scope, point))
    const covered = inside.length > 0 && inside.every((point) => ABOVE.has(heldOf(point.id)?.rung ?? ''))
    // A release takes two steps; both are orders of their own.
    const steps = newest.slice(0, at).filter((one) => one.kind === 'resume' && one.target === scope && one.state === 'verified').length
    return order === undefined || !covered || steps >= 2 ? [] : [{ why: order.reason, text: { en: order.reason, zh: order.reason }, who: order.actor, scope, since: order.asked, hardwired: false, points: inside }]
  })
}

function deviceOf(point: Setpoint): string {
  return point.id.split('/').slice(0, 2).join('/')
}

/** What a person asks of the plant and what became of it: limits, stages, scopes and stops. Pure. */
import type { Order, Setpoint } from '@/api/types'

/** The choices for how long a value is held, s; eight hours at most. */
export const DURATIONS_S = [300, 900, 1800, 3600, 7200, 14_400, 28_800] as const
export const DEFAULT_S = 900
/** The longest reason the hub keeps, characters. */
export const REASON_LENGTH = 200

export type Kind = Order['kind']
export type Stage = 'asked' | 'sent' | 'received' | 'written' | 'verified'

const SETTLED = new Set<Order['state']>(['verified', 'refused', 'failed', 'ended'])
const OVER = new Set<Order['state']>(['refused', 'failed', 'ended'])
const RANK: Record<Stage, number> = { asked: 0, sent: 1, received: 2, written: 3, verified: 4 }
/** Ends of an order that mean that it was carried out. */
const DONE = new Set<string | null>(['done', 'released', null])
const VALUED = new Set<Kind>(['set', 'select'])

/** Whether nothing more is to be waited for; a value that was verified stays in force until its end. */
export function isSettled(order: Order): boolean {
  return SETTLED.has(order.state)
}

/** Whether it went as asked; null while that is open. Only "verified" counts for a value. */
export function succeeded(order: Order): boolean | null {
  if (order.state === 'verified') return true
  if (order.state === 'ended') return !VALUED.has(order.kind) && DONE.has(order.code)
  return order.state === 'refused' || order.state === 'failed' ? false : null
}

/** The answer to a question (`test`) or a selection: the first receipt of the edge says that all checks passed. */
export function accepted(order: Order): boolean | null {
  return order.state === 'received' || order.state === 'written' ? true : order.kind === 'select' && order.state === 'ended' ? false : succeeded(order)
}

/** The stages a person sees on the way of an order. */
export function stagesOf(kind: Kind): readonly Stage[] {
  return VALUED.has(kind) || kind === 'operate' ? ['asked', 'received', 'written', 'verified'] : ['asked', 'sent', 'verified']
}

/** How far an order is; null where it ended without telling. */
export function reached(order: Order, stage: Stage): boolean {
  if (succeeded(order) === true) return true
  const state = order.state
  const rank = state in RANK ? RANK[state as Stage] : 0
  return rank >= RANK[stage]
}

/** A number as a person types it; null for anything else. Comma and point both divide the decimals. */
export function typedNumber(text: string): number | null {
  const plain = text.trim().replace('−', '-').replace(',', '.')
  return /^[-+]?(\d+(\.\d*)?|\.\d+)$/.test(plain) ? Number(plain) : null
}

/** By what a value is multiplied to be typed and shown: a ratio stands in per cent. */
export function shownScale(unit: string): number {
  return unit === '1' ? 100 : 1
}

/** The value in the unit of the point; divided, so that 70 % becomes 0.7. */
export function typedValue(text: string, unit: string): number | null {
  const typed = typedNumber(text)
  return typed === null ? null : typed / shownScale(unit)
}

export type Fault = 'number' | 'low' | 'high'

/** What is wrong with a value before anybody is asked; null where nothing is. */
export function valueFault(value: number | null, limits: { low: number; high: number }): Fault | null {
  if (value === null || !Number.isFinite(value)) return 'number'
  return value < limits.low ? 'low' : value > limits.high ? 'high' : null
}

/** Whether a point lies in the scope of an act. */
export function covers(scope: string, point: Setpoint): boolean {
  const site = point.id.split('/')[0] ?? ''
  const scopes = ['all', `site:${site}`, `${site}/${point.device}`, point.id]
  if (point.zone !== null) scopes.push(`zone:${point.zone}`)
  return scopes.includes(scope)
}

/** Every scope of an act on these points, the widest first. */
export function scopesOf(points: readonly Setpoint[]): string[] {
  const site = points[0]?.id.split('/')[0]
  if (site === undefined) return []
  const zones = points.flatMap((point) => (point.zone === null ? [] : [`zone:${point.zone}`]))
  const devices = points.map((point) => `${site}/${point.device}`)
  return [...new Set(['all', ...zones.sort(), ...devices])]
}

/** The override a person has on each point: the newest value that was asked for and has not ended. */
export function overridesIn(orders: Iterable<Order>): Map<string, Order> {
  const open = [...orders].filter((order) => VALUED.has(order.kind) && !OVER.has(order.state))
  return new Map(open.sort((a, b) => Date.parse(a.asked) - Date.parse(b.asked)).map((order) => [order.target, order]))
}

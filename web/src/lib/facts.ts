/** What is known of one set-point from its holder, its newest command and the override of a person. Pure. */
import type { Command, Held, Order } from '@/api/types'
import type { Reading } from '@/lib/reading'

export interface Known {
  held: Held | undefined
  /** When the edge's words were true, hub time, ms. */
  heardMs: number
  command: Command | undefined
  override: Order | undefined
}

/** Until when a point is held, hub time, ms: an override until its own end, a set-point until its lease ends, else as its edge said; null without an end. */
export function endOfMs(known: Known): number | null {
  const end = ownEnd(known) ?? leaseEnd(known)
  return end === null ? saidMs(known) : Date.parse(end)
}

function ownEnd({ held, override }: Known): string | null {
  return held?.rung === 'operator' ? (override?.until ?? null) : null
}

function leaseEnd({ held, command }: Known): string | null {
  if (command === undefined) return null
  return held === undefined || held.rung === command.level ? command.lease_until : null
}

function saidMs({ held, heardMs }: Known): number | null {
  return held === undefined || held.until_s === null ? null : heardMs + 1000 * held.until_s
}

/** The value wanted: what the edge holds, or before it told what was sent. */
export function wantedOf(held: Held | undefined, command: Command | undefined): number | null {
  return held === undefined ? (command?.value ?? null) : held.value
}

/** The younger of the value that was polled and the one read back after a write; null where neither is good. */
export function newestValue(reading: Reading, command: Command | undefined): number | null {
  const usable = reading.q === 'good' || reading.q === 'uncertain'
  const polled = usable ? reading.value : null
  if (command === undefined || command.readback === null || command.readback_time === null) return polled
  const younger = reading.time === null || Date.parse(command.readback_time) > Date.parse(reading.time)
  return younger ? command.readback : polled
}

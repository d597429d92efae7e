/** What became of a set-point, as one of six signs; each has a shape and a word, never colour alone. */
import type { Command } from '@/api/types'

export type Verdict = 'equal' | 'waiting' | 'notEqual' | 'refused' | 'failed' | 'over'

/** Code of the ledger for a device that shows another value than was written. */
const MISMATCH: string = 'mismatch'
const ENDED = new Set<string>(['released', 'expired'])

/** The verdict at `nowMs` (hub time). Only "verified" is equal: written is not yet read back. */
export function verdict(command: Command, nowMs: number): Verdict {
  // A read-back that differs is told while the edge still tries; the ledger calls that state by the code's name.
  if ((command.state as string) === MISMATCH) return 'notEqual'
  if (command.state === 'refused') return 'refused'
  if (command.state === 'failed') return command.code === MISMATCH ? 'notEqual' : 'failed'
  if (ENDED.has(command.state) || leaseOver(command, nowMs)) return 'over'
  return command.state === 'verified' ? 'equal' : 'waiting'
}

/** Whether the lease ran out by `nowMs`; a set-point without a lease never does. */
export function leaseOver(command: Command, nowMs: number): boolean {
  return command.lease_until !== null && Date.parse(command.lease_until) <= nowMs
}

export const SIGN: Record<Verdict, string> = { equal: '✓', waiting: '…', notEqual: '≠', refused: '⊘', failed: '✕', over: '■' }
/** The sign beside everything an operator has to look at. */
export const ALERT = '▲'

/** The verdicts an operator has to look at. */
export function isAbnormal(one: Verdict): boolean {
  return one === 'notEqual' || one === 'refused' || one === 'failed'
}

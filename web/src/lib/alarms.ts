/** Alarms sorted, counted and named. Pure. */
import type { Alarm } from '@/api/types'

export const PRIORITIES = [1, 2, 3, 4] as const
const URGENCY: Record<Alarm['state'], number> = { unack: 0, rtn_unack: 1, ack: 2, shelved: 3, out_of_service: 4, suppressed: 5, normal: 6 }
const HIDDEN = new Set<Alarm['state']>(['shelved', 'out_of_service', 'suppressed'])
/** Priorities that make a sound and stand at the top of every page. */
const LOUD = 2

const raisedMs = (alarm: Alarm): number => (alarm.raised === null ? 0 : Date.parse(alarm.raised))

/** The most urgent first: not acknowledged, then by priority, then the newest. */
export function sorted(alarms: Iterable<Alarm>): Alarm[] {
  return [...alarms].sort((a, b) => URGENCY[a.state] - URGENCY[b.state] || a.about.priority - b.about.priority || raisedMs(b) - raisedMs(a) || a.id.localeCompare(b.id))
}

/** What stands, or is over and nobody has seen it. */
export function standing(alarms: readonly Alarm[]): Alarm[] {
  return alarms.filter((alarm) => alarm.state !== 'normal' && !HIDDEN.has(alarm.state))
}

/** What is kept from the operator: always in sight, so that nothing is forgotten there. */
export function hidden(alarms: readonly Alarm[]): Alarm[] {
  return alarms.filter((alarm) => HIDDEN.has(alarm.state))
}

/** Urgent ones that stand and nobody has acknowledged. */
export function mostUrgent(alarms: readonly Alarm[]): Alarm[] {
  return alarms.filter((alarm) => alarm.state === 'unack' && alarm.about.priority <= LOUD)
}

/** How many are not acknowledged, by priority. */
export function unacked(alarms: readonly Alarm[]): Record<number, number> {
  const found: Record<number, number> = { 1: 0, 2: 0, 3: 0, 4: 0 }
  for (const alarm of alarms) if (alarm.state === 'unack' || alarm.state === 'rtn_unack') found[alarm.about.priority] = (found[alarm.about.priority] ?? 0) + 1
  return found
}

/** What can be done with an alarm in its state. */
export function actsOf(alarm: Alarm): ('ack' | 'shelve' | 'unshelve' | 'out' | 'in' | 'comment')[] {
  if (alarm.state === 'out_of_service') return ['in', 'comment']
  if (alarm.state === 'shelved') return ['unshelve', 'out', 'comment']
  const first = alarm.state === 'unack' || alarm.state === 'rtn_unack' ? (['ack'] as const) : []
  return [...first, 'shelve', 'out', 'comment']
}

/** Whether an alarm that came now, after `before`, is new and urgent enough for the horn. */
export function sounds(before: Alarm | undefined, now: Alarm): boolean {
  if (now.state !== 'unack' || now.about.priority > LOUD) return false
  return before === undefined || before.occurrence < now.occurrence || before.state !== 'unack'
}

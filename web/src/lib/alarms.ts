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

/** So many within so long are a flood (EEMUA 191). */
const FLOOD = 10
const FLOOD_MS = 600_000

/** How many of these were raised in the last ten minutes, where that is a flood; else 0. */
export function floodOf(alarms: readonly Alarm[], nowMs: number): number {
  const many = alarms.filter((alarm) => nowMs - raisedMs(alarm) < FLOOD_MS).length
  return many > FLOOD ? many : 0
}

export interface AlarmGroup {
  /** The first of the group. */
  first: Alarm
  rest: Alarm[]
}

/** Alarms in their order, those of one group behind its first; in a flood those of one kind that have no group, too. */
export function grouped(alarms: readonly Alarm[], flood: boolean): AlarmGroup[] {
  const groups = new Map<string, Alarm[]>()
  for (const alarm of alarms) {
    const key = keyOf(alarm, flood)
    groups.set(key, [...(groups.get(key) ?? []), alarm])
  }
  return [...groups.values()].map((found) => {
    const first = found.reduce((a, b) => (b.finding.first_out || (!a.finding.first_out && raisedMs(b) < raisedMs(a)) ? b : a))
    return { first, rest: found.filter((alarm) => alarm !== first) }
  })
}

const ALIKE = new Set<Alarm['about']['source']>(['device', 'box', 'hub'])
function keyOf({ id, about }: Alarm, flood: boolean): string {
  if (about.group !== '') return `group ${about.group}`
  return flood && ALIKE.has(about.source) ? `kind ${about.source}` : `alarm ${id}`
}

/** Those in one state, for the list of it; shelved ones by the end of their shelf, the soonest first. */
export function inState(alarms: readonly Alarm[], state: Alarm['state']): Alarm[] {
  const found = alarms.filter((alarm) => alarm.state === state)
  return state === 'shelved' ? found.sort((a, b) => (a.hold?.until ?? '').localeCompare(b.hold?.until ?? '')) : found
}

/** How many of each priority, the most urgent first, and whether one of them waits for somebody. */
export function byPriority(alarms: readonly Alarm[]): { priority: number; count: number; waits: boolean }[] {
  return PRIORITIES.flatMap((priority) => {
    const of = alarms.filter((alarm) => alarm.about.priority === priority)
    return of.length === 0 ? [] : [{ priority, count: of.length, waits: of.some((alarm) => URGENCY[alarm.state] < URGENCY.ack) }]
  })
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

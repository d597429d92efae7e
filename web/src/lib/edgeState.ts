/** What the newest wish for an edge and its own report say together. */
import type { Edge, Wanted } from '@/api/types'

/** none: nothing was ever wanted; agrees: the newest wish runs; open: it is on its way or on trial; undone: it does not run. */
export type Agreement = 'none' | 'agrees' | 'open' | 'undone'

/** How the newest version that was wanted stands against what the edge goes by. */
export function agreement(edge: Edge): Agreement {
  const newest = edge.wanted[0]
  if (newest === undefined) return 'none'
  if (edge.reported?.version === newest.version) return 'agrees'
  return newest.state === 'refused' || newest.state === 'rolled_back' ? 'undone' : 'open'
}

/** Off by less than this is no matter: heartbeats are late by their way. [s] */
const CLOCK_AGREES_S = 2

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]] as const

/** How a clock stands against the hub's: which way it is off, and by how much in a unit that reads well. */
export function clockOff(aheadS: number): { way: 'agrees' | 'ahead' | 'behind'; amount: string; unit: 'd' | 'h' | 'min' | 's' } {
  const size = Math.abs(aheadS)
  const [unit, of] = UNITS.find(([, seconds]) => size >= 2 * seconds) ?? UNITS[3]
  const way = size < CLOCK_AGREES_S ? 'agrees' : aheadS > 0 ? 'ahead' : 'behind'
  return { way, amount: (size / of).toFixed(unit === 'd' ? 0 : 1), unit }
}

/** Whether a version is not what a person hoped for, so that its reason must be in sight. */
export function isUndone(one: Wanted): boolean {
  return one.state === 'refused' || one.state === 'rolled_back'
}

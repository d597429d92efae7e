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

/** Whether a version is not what a person hoped for, so that its reason must be in sight. */
export function isUndone(one: Wanted): boolean {
  return one.state === 'refused' || one.state === 'rolled_back'
}

/** How an edge stands against the version in force. Pure. */
import type { ConfigOfEdge } from '@/api/types'

/**
 * same: it goes by these files; edited: somebody changed files at the box; undone: it refused or rolled back what was sent last;
 * open: something is on its way or on trial; drift: it goes by other files; never: it was never heard.
 */
export type Arrival = 'never' | 'edited' | 'same' | 'open' | 'undone' | 'drift'

const OPEN = new Set(['wanted', 'trying'])
const UNDONE = new Set(['refused', 'rolled_back'])

export function arrival(edge: ConfigOfEdge): Arrival {
  if (edge.same === null) return 'never'
  if (edge.edited.length > 0) return 'edited'
  if (edge.same) return 'same'
  if (edge.state !== null && OPEN.has(edge.state)) return 'open'
  return edge.state !== null && UNDONE.has(edge.state) ? 'undone' : 'drift'
}

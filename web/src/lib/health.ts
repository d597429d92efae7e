/** How the hub is, in the words of a person: which figures are as they should be. Pure. */
import type { System } from '@/api/types'

/** Old samples are sealed some minutes after their ten minutes are over; longer than this, something hinders it, s. */
const SEAL_LATE_S = 3600
const LAG_LATE_S = 60
const BACKUP_LATE_S = 2 * 86_400
const DISK_LOW = 0.1
const CLOCK_OFF_S = 2

export type Edge = System['edges'][number]

/** Whether what comes from an edge comes in time. */
export function flowLate(edge: Edge): boolean {
  return edge.link === 'down' || edge.lag_s === null || edge.lag_s > LAG_LATE_S || (edge.backlog_rows ?? 0) > 1000
}

export const clockLate = (edge: Edge): boolean => edge.clock_ahead_s !== null && Math.abs(edge.clock_ahead_s) > CLOCK_OFF_S
export const sealLate = (system: System): boolean => system.sealing !== null && ((system.sealing.waits_s ?? 0) > SEAL_LATE_S || system.sealing.damaged_files > 0)

/** Age of the newest backup, s; null without one. */
export function backupAgeS(system: System): number | null {
  return system.backup === null ? null : Math.max(0, (Date.parse(system.time) - Date.parse(system.backup)) / 1000)
}
export function backupLate(system: System): boolean {
  const age = backupAgeS(system)
  return age === null || age > BACKUP_LATE_S
}

/** Free part of the disk, 0 to 1; null while it is not told. */
export function diskFree(system: System): number | null {
  const { disk_free_bytes: free, disk_bytes: size } = system
  return free === null || size === null || size <= 0 ? null : free / size
}
export const diskLow = (system: System): boolean => (diskFree(system) ?? 1) < DISK_LOW

/** Names of the times reports are of, on the site's clock: yesterday, last week, last month, last year. Pure. */
import type { SiteReport } from '@/api/types'

export const PRESETS = ['day', 'week', 'month', 'year'] as const
export type Preset = (typeof PRESETS)[number]

const DAY_MS = 86_400_000
const two = (value: number): string => String(value).padStart(2, '0')

/** The day it is at a place, as midnight UTC of the same date: arithmetic on it knows no summer time. */
function today(nowMs: number, zone: string): Date {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(nowMs)
  return new Date(`${parts}T00:00:00Z`)
}

/** Name of the ISO week a day lies in: that of its Thursday. */
function weekOf(day: Date): string {
  const thursday = new Date(day.getTime() + (3 - ((day.getUTCDay() + 6) % 7)) * DAY_MS)
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  return `${String(thursday.getUTCFullYear())}-W${two(Math.floor((thursday.getTime() - first) / DAY_MS / 7) + 1)}`
}

/** Name of the last whole day, week, month or year. */
export function lastWhole(preset: Preset, nowMs: number, zone: string): string {
  const day = today(nowMs, zone)
  const year = day.getUTCFullYear()
  if (preset === 'day') return new Date(day.getTime() - DAY_MS).toISOString().slice(0, 10)
  if (preset === 'week') return weekOf(new Date(day.getTime() - 7 * DAY_MS))
  if (preset === 'year') return String(year - 1)
  return new Date(Date.UTC(year, day.getUTCMonth() - 1, 1)).toISOString().slice(0, 7)
}

/** Addresses as a person writes them: by commas, semicolons, blanks or lines. */
export function addresses(text: string): string[] {
  return text.split(/[\s,;]+/).filter((one) => one !== '')
}

export const going = (one: SiteReport): boolean => one.progress.state === 'waiting' || one.progress.state === 'running'

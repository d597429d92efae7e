/** Periods of accounts by their name, and accounts as bars. Pure. */
import type { AccountRow, AccountStatement } from '@/api/types'

export type PeriodKind = 'day' | 'week' | 'month' | 'year' | 'range'
export type Dimension = AccountStatement['by'][number]

const DAY_MS = 86_400_000
const FORMS: readonly (readonly [PeriodKind, RegExp])[] = [
  ['range', /^\d{4}-\d{2}-\d{2}\.\.\d{4}-\d{2}-\d{2}$/],
  ['day', /^\d{4}-\d{2}-\d{2}$/],
  ['week', /^\d{4}-W\d{2}$/],
  ['month', /^\d{4}-\d{2}$/],
  ['year', /^\d{4}$/],
]

/** What a name is of; null where it is none. */
export function kindOf(name: string): PeriodKind | null {
  return FORMS.find(([, form]) => form.test(name))?.[0] ?? null
}

const utc = (day: string): number => Date.parse(`${day}T00:00:00Z`)
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** Monday of an ISO week. */
function monday(year: number, week: number): number {
  const fourth = Date.UTC(year, 0, 4)
  const weekday = (new Date(fourth).getUTCDay() + 6) % 7
  return fourth + ((week - 1) * 7 - weekday) * DAY_MS
}

/** First day of a period. */
export function firstDay(name: string): string {
  const kind = kindOf(name)
  if (kind === 'week') return dayOf(monday(Number(name.slice(0, 4)), Number(name.slice(6))))
  if (kind === 'month') return `${name}-01`
  if (kind === 'year') return `${name}-01-01`
  return name.slice(0, 10)
}

/** Last day of a period. */
export function lastDay(name: string): string {
  const kind = kindOf(name)
  if (kind === 'range') return name.slice(12)
  if (kind === 'day' || kind === null) return name
  return dayOf(utc(firstDay(stepped(name, 1))) - DAY_MS)
}

/** The period of a kind that a day lies in. */
export function periodWith(kind: PeriodKind, day: string): string {
  if (kind === 'month') return day.slice(0, 7)
  if (kind === 'year') return day.slice(0, 4)
  if (kind === 'range') return `${day.slice(0, 7)}-01..${day}`
  if (kind === 'day') return day
  const weekday = (new Date(utc(day)).getUTCDay() + 6) % 7
  const thursday = utc(day) + (3 - weekday) * DAY_MS
  const year = new Date(thursday).getUTCFullYear()
  const week = Math.floor((thursday - monday(year, 1)) / (7 * DAY_MS)) + 1
  return `${String(year)}-W${String(week).padStart(2, '0')}`
}

/** The period so many of its kind later; a range moves by its own length. */
export function stepped(name: string, by: number): string {
  const kind = kindOf(name)
  if (kind === 'year') return String(Number(name) + by)
  if (kind === 'month') {
    const months = Number(name.slice(0, 4)) * 12 + Number(name.slice(5)) - 1 + by
    return `${String(Math.floor(months / 12))}-${String((months % 12) + 1).padStart(2, '0')}`
  }
  if (kind === 'range') {
    const [from, to] = [utc(name.slice(0, 10)), utc(name.slice(12))]
    const shift = by * (to - from + DAY_MS)
    return `${dayOf(from + shift)}..${dayOf(to + shift)}`
  }
  const moved = dayOf(utc(firstDay(name)) + by * (kind === 'week' ? 7 : 1) * DAY_MS)
  return periodWith(kind ?? 'day', moved)
}

/** Today at the site. */
export function todayIn(zone: string, ms: number): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(ms)
}

export interface Bar {
  row: AccountRow
  /** Length of the bar, a share of the longest of its carrier. */
  share: number
}

export interface CarrierBars {
  carrier: string
  bars: Bar[]
  amount: number
  cost: number | null
  co2Kg: number | null
  completePct: number
}

/** Accounts by carrier, the largest first; sums beside them. */
export function barsOf(rows: readonly AccountRow[]): CarrierBars[] {
  const carriers = [...new Set(rows.map((row) => row.carrier))]
  return carriers.map((carrier) => {
    const own = rows.filter((row) => row.carrier === carrier)
    const most = Math.max(...own.map((row) => Math.abs(row.amount)), Number.MIN_VALUE)
    return {
      carrier,
      bars: own.map((row) => ({ row, share: Math.abs(row.amount) / most })).sort((a, b) => b.row.amount - a.row.amount),
      amount: sum(own.map((row) => row.amount)) ?? 0,
      cost: sum(own.map((row) => row.cost)),
      co2Kg: sum(own.map((row) => row.co2_kg)),
      completePct: Math.min(...own.map((row) => row.complete_pct)),
    }
  })
}

/** Sum of figures; null where one of them is not known. */
export function sum(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0)
}

/** Which time is asked for and how it is cut; both stand in the address, so that a view can be shared. Pure. */
export const LASTS = ['1h', '6h', '24h', '7d', '30d', '365d'] as const
export type Last = (typeof LASTS)[number]

export const CUTS = ['auto', 'raw', '60', '900', '3600', 'hour', 'day', 'week', 'month', 'year'] as const
export type Cut = (typeof CUTS)[number]

/** A time on the hub's clock; `last` where it ends now and goes on. */
export interface Span {
  fromMs: number
  toMs: number
  last: Last | null
}

type Query = Readonly<Record<string, unknown>>

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const MOST_WINDOWS = 5000
const MOST_RAW_MS = 31 * DAY_MS
const CALENDAR_MS: Readonly<Partial<Record<Cut, number>>> = { hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS, month: 28 * DAY_MS, year: 365 * DAY_MS }

/** Length of a time that ends now, ms. */
export function lengthOf(last: Last): number {
  return Number(last.slice(0, -1)) * (last.endsWith('h') ? HOUR_MS : DAY_MS)
}

/** The time an address asks for: `from` and `to`, else `last`, else the last day. */
export function spanOf(query: Query, nowMs: number): Span {
  const fromMs = Date.parse(textOf(query.from))
  const toMs = Date.parse(textOf(query.to))
  if (Number.isFinite(fromMs) && Number.isFinite(toMs) && fromMs < toMs) return { fromMs, toMs, last: null }
  const last = LASTS.find((one) => one === query.last) ?? '24h'
  return { fromMs: nowMs - lengthOf(last), toMs: nowMs, last }
}

/** How an address wants it cut; by the pixels of the chart where it does not say, or the time is too long for it. */
export function cutOf(query: Query, span: Span): Cut {
  const asked = CUTS.find((one) => one === query.cut) ?? 'auto'
  return fits(asked, span) ? asked : 'auto'
}

/** Whether a cut makes no more windows of a time than the hub answers at once. */
export function fits(cut: Cut, span: Span): boolean {
  const lengthMs = span.toMs - span.fromMs
  if (cut === 'auto') return true
  if (cut === 'raw') return lengthMs <= MOST_RAW_MS
  return lengthMs <= MOST_WINDOWS * (CALENDAR_MS[cut] ?? Number(cut) * 1000)
}

/** The question to the hub: a fixed length, the calendar of the site, or one window a pixel. */
export function cutQuery(cut: Cut, pixels: number): { window_s: number } | { calendar: 'hour' | 'day' | 'week' | 'month' | 'year' } | { pixels: number } {
  if (cut === 'hour' || cut === 'day' || cut === 'week' || cut === 'month' || cut === 'year') return { calendar: cut }
  return cut === 'auto' || cut === 'raw' ? { pixels: Math.max(50, Math.min(4000, Math.round(pixels))) } : { window_s: Number(cut) }
}

/** Windows that people think in, for amounts: hours of some days, days of some months, months. */
export function wholeCut(cut: Cut, span: Span): Cut {
  if (cut !== 'auto' && cut !== 'raw') return cut
  const lengthMs = span.toMs - span.fromMs
  if (lengthMs <= 3 * DAY_MS) return 'hour'
  return lengthMs <= 100 * DAY_MS ? 'day' : 'month'
}

/** From and to for the hub. */
export function bounds(span: { fromMs: number; toMs: number }): { from: string; to: string } {
  return { from: new Date(span.fromMs).toISOString(), to: new Date(span.toMs).toISOString() }
}

/** Words of an address that stand for several things. */
export function listOf(value: unknown): string[] {
  return textOf(value).split(',').filter((one) => one !== '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** `yyyy-mm-ddThh:mm` in a zone, for a field of date and time. */
export function fieldText(ms: number, zone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(ms).replace(' ', 'T')
}

/** The instant of such a text in a zone; of an hour that comes twice the first one, one that is skipped moves on by the jump; NaN for no time. */
export function fieldMs(text: string, zone: string): number {
  const plainMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) ? Date.parse(`${text}:00Z`) : Number.NaN
  if (!Number.isFinite(plainMs)) return Number.NaN
  const found = [DAY_MS, -DAY_MS].map((shift) => plainMs - offsetMs(plainMs - shift, zone)).filter((ms) => ms + offsetMs(ms, zone) === plainMs)
  return found.length > 0 ? Math.min(...found) : plainMs - offsetMs(plainMs - DAY_MS, zone)
}

function offsetMs(ms: number, zone: string): number {
  const wall = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(ms)
  return Date.parse(`${wall.replace(' ', 'T')}Z`) - Math.floor(ms / 1000) * 1000
}

/** Numbers, ages and times as text. Pure; the language comes as an argument. */

/** What stands where no number is known; never 0. */
export const DASH = '–'

const DIGITS: Record<string, number> = {
  kW: 1, kvar: 1, kVA: 1, W: 0, MW: 3, RT: 1, kWh: 0, MWh: 1, '°C': 1, K: 1,
  'bar(g)': 2, 'bar(a)': 2, bar: 2, 'm³/min': 1, 'm³/h': 1, 'l/s': 1, 'Nm³/h': 1, 'm³': 0, '%': 0, '1': 1,
  V: 0, A: 1, Hz: 2, rpm: 0, 'W/m²': 0, 'm/s': 1, s: 0, min: 0, h: 0, code: 0, '': 0, kg: 0, 'kg/h': 1,
}

const formats = new Map<string, Intl.NumberFormat>()

function numberFormat(locale: string, digits: number): Intl.NumberFormat {
  const key = `${locale} ${String(digits)}`
  let format = formats.get(key)
  if (format === undefined) {
    format = new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
    formats.set(key, format)
  }
  return format
}

/** A number in the digits its unit deserves, a ratio in per cent; the dash for null or not finite; no minus before a rounded zero. */
export function formatNumber(value: number | null | undefined, unit: string, locale: string, digits?: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH
  const places = digits ?? DIGITS[unit] ?? 2
  const text = numberFormat(locale, places).format(unit === '1' ? 100 * value : value)
  return /[1-9]/.test(text) ? text : text.replace(/^[-−]/, '')
}

/** The unit as printed: a ratio is shown in per cent, a code and a count have none. */
export function formatUnit(unit: string): string {
  if (unit === '1') return '%'
  return unit === 'code' ? '' : unit
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** A size in the unit that leaves one to three digits before the point, by powers of 1000. */
export function formatBytes(bytes: number | null | undefined, locale: string): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return DASH
  const at = Math.min(SIZES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3)))
  const value = bytes / 1000 ** at
  return `${numberFormat(locale, at === 0 || Math.abs(value) >= 100 ? 0 : 1).format(value)} ${SIZES[at] ?? ''}`
}

export type Words = (key: string, named: Record<string, number>) => string

/** An age such as "5 s", "3 min", "2 h", "4 d"; rounded down, the dash when unknown. */
export function formatAge(ageS: number | null, words: Words): string {
  if (ageS === null || !Number.isFinite(ageS)) return DASH
  const age = Math.max(0, Math.floor(ageS))
  if (age < 120) return words('age.s', { n: age })
  if (age < 7200) return words('age.min', { n: Math.floor(age / 60) })
  if (age < 172_800) return words('age.h', { n: Math.floor(age / 3600) })
  return words('age.d', { n: Math.floor(age / 86_400) })
}

/** Time left until `untilMs` as m:ss, "0:00" once it is over; the dash when there is no end. */
export function formatLeft(untilMs: number | null, nowMs: number): string {
  if (untilMs === null || !Number.isFinite(untilMs)) return DASH
  const left = Math.max(0, Math.ceil((untilMs - nowMs) / 1000))
  return `${String(Math.floor(left / 60))}:${String(left % 60).padStart(2, '0')}`
}

const clocks = new Map<string, Intl.DateTimeFormat>()

function clock(zone: string, options: Intl.DateTimeFormatOptions, name: string): Intl.DateTimeFormat {
  const key = `${zone} ${name}`
  let format = clocks.get(key)
  if (format === undefined) {
    // The Swedish form is ISO 8601 with a space, in both languages of the page.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, ...options })
    clocks.set(key, format)
  }
  return format
}

/** hh:mm:ss in the site's zone. */
export function formatTime(ms: number, zone: string): string {
  if (!Number.isFinite(ms)) return DASH
  return clock(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }, 'time').format(ms)
}

/** hh:mm in the site's zone. */
export function formatMinute(ms: number, zone: string): string {
  if (!Number.isFinite(ms)) return DASH
  return clock(zone, { hour: '2-digit', minute: '2-digit' }, 'minute').format(ms)
}

/** yyyy-mm-dd hh:mm:ss in the site's zone. */
export function formatDateTime(ms: number, zone: string): string {
  if (!Number.isFinite(ms)) return DASH
  return clock(zone, { dateStyle: 'short', timeStyle: 'medium' }, 'both').format(ms)
}

/** The offset of the zone at that moment, such as "UTC+8". */
export function formatZone(ms: number, zone: string): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'shortOffset' }).formatToParts(ms)
  return (parts.find((part) => part.type === 'timeZoneName')?.value ?? zone).replace('GMT', 'UTC')
}

/** What a chart shows, as a table for a spreadsheet; numbers with all their digits, times in UTC and in the time of the site. Pure. */
import type { Samples, Series } from '@/api/types'
import { csvOf, type Cell } from '@/lib/csv'
import { rowsOf } from '@/lib/curves'
import { formatDateTime, formatZone } from '@/lib/format'
import { reasonOf } from '@/lib/quality'
import { originOf } from '@/lib/trace'

const local = (ms: number, zone: string): string => `${formatDateTime(ms, zone)} ${formatZone(ms, zone)}`
const utc = (ms: number): string => new Date(ms).toISOString()

/** Windows of all points, one row each, with completeness and worst quality. */
export function windowsCsv(series: Series, zone: string): string {
  const columns = ['point', 'unit', 'from_utc', 'to_utc', 'from_local', 'mean', 'min', 'max', 'energy_kwh', 'complete_pct', 'worst_quality', 'worst_quality_word']
  const rows = series.points.flatMap((point) => rowsOf(series.edges_ms, point).map((row): Cell[] => [
    point.point, point.unit, utc(row.fromMs), utc(row.toMs), local(row.fromMs, zone), row.mean, row.low, row.high, row.energy, row.complete, row.worst, reasonOf(row.worst),
  ]))
  return csvOf(columns, rows)
}

/** Samples as they came, with the marks of cleaning rules and, where asked for, the rows they came in. */
export function samplesCsv(answers: readonly Samples[], zone: string): string {
  const columns = ['point', 'unit', 'time_utc', 'time_local', 'value', 'quality', 'mark', 'mark_word', 'source_time_utc', 'edge', 'journal', 'seq', 'row_exact', 'polled_utc']
  const rows = answers.flatMap((one) => one.times.map((time, i): Cell[] => {
    const ms = Date.parse(time)
    return [one.point, one.unit, utc(ms), local(ms, zone), one.values[i] ?? null, one.qualities[i] ?? null, one.marks[i] ?? null, reasonOf(one.marks[i] ?? 0), one.source_times[i] ?? null, ...traceOf(one, i)]
  }))
  return csvOf(columns, rows)
}

function traceOf(samples: Samples, i: number): Cell[] {
  const { edge, journal, seq, exact, polled } = originOf(samples, i)
  return edge === '' ? [null, null, null, null, null] : [edge, journal, seq, String(exact), polled]
}

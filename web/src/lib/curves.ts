/** From answers of the hub to lines of a chart and rows of tables: gaps stay gaps, and what is said of each window stays beside it. Pure. */
import type { PointSeries, Samples, Series } from '@/api/types'
import { classOf } from '@/lib/quality'

type Value = number | null

/** One line of a chart; arrays have one entry a time of the chart. */
export interface Line {
  key: string
  /** Index into the pens; with it a letter, so that colour is not the only sign. */
  pen: number
  name: string
  unit: string
  values: (Value | undefined)[]
  low: (Value | undefined)[] | null
  high: (Value | undefined)[] | null
  /** Covered part of each window, per cent; null where single samples are drawn. */
  complete: number[] | null
  /** Worst quality of each window; of single samples the mark of the cleaning rules. */
  worst: number[]
}

/** Lines over the same times, s since 1970. */
export interface Chart {
  times: number[]
  lines: Line[]
}

/** A window with all that is known of it. */
export interface Row {
  fromMs: number
  toMs: number
  mean: Value
  low: Value
  high: Value
  energy: Value
  complete: number
  worst: number
}

/** What a whole time comes to. */
export interface Total extends Omit<Row, 'fromMs' | 'toMs'> {
  windows: number
}

/** A pen names a line: the first 8 letters. */
export const PENS = 8
export const letter = (pen: number): string => String.fromCharCode(65 + pen)

/** A held value ends after this, as in the store, ms. */
export const HOLD_MS = 900_000

/** Windows as lines: each value holds to the end of its window, so the last edge repeats the last one. */
export function windowChart(series: Series, points: readonly { row: PointSeries; pen: number; name: string }[]): Chart {
  const held = (values: readonly Value[]): Value[] => (values.length === 0 ? [] : [...values, values.at(-1) ?? null])
  return {
    times: series.edges_ms.map((ms) => ms / 1000),
    lines: points.map(({ row, pen, name }) => ({
      key: row.point, pen, name, unit: row.unit, values: held(row.mean), low: held(row.min), high: held(row.max), complete: row.complete_pct, worst: row.worst,
    })),
  }
}

/** Samples as lines: what was measured, also where a rule marks it; a bad one and the end of what is held are gaps. */
export function sampleChart(answers: readonly { samples: Samples; pen: number; name: string }[], toMs: number): Chart {
  const columns = answers.map(({ samples }) => heldSamples(samples, toMs))
  const times = [...new Set(columns.flatMap((column) => column.map((one) => one.ms)))].sort((a, b) => a - b)
  const at = new Map(times.map((ms, i) => [ms, i]))
  return {
    times: times.map((ms) => ms / 1000),
    lines: answers.map(({ samples, pen, name }, number) => {
      // Undefined is a time of another line, which breaks nothing; null is a gap.
      const values = new Array<Value | undefined>(times.length).fill(undefined)
      const worst = new Array<number>(times.length).fill(0)
      for (const one of columns[number] ?? []) {
        const i = at.get(one.ms) ?? 0
        values[i] = one.value
        worst[i] = one.mark
      }
      return { key: samples.point, pen, name, unit: samples.unit, values, low: null, high: null, complete: null, worst }
    }),
  }
}

function heldSamples(samples: Samples, toMs: number): { ms: number; value: Value; mark: number }[] {
  const times = samples.times.map((time) => Date.parse(time))
  return times.flatMap((ms, i) => {
    const one = { ms, value: samples.values[i] ?? null, mark: samples.marks[i] ?? 0 }
    const next = times[i + 1] ?? toMs
    const end = ms + HOLD_MS
    return next > end && one.value !== null ? [one, { ms: end, value: null, mark: 0 }] : [one]
  })
}

/** Windows of one point as rows. */
export function rowsOf(edgesMs: readonly number[], row: PointSeries): Row[] {
  return row.mean.map((mean, i) => ({
    ...edgesOf(edgesMs, i), mean, low: at(row.min, i), high: at(row.max, i), energy: at(row.energy_kwh ?? [], i), complete: row.complete_pct[i] ?? 0, worst: row.worst[i] ?? 0,
  }))
}

/** Ends of a window. */
export const edgesOf = (edgesMs: readonly number[], i: number): { fromMs: number; toMs: number } => ({ fromMs: edgesMs[i] ?? Number.NaN, toMs: edgesMs[i + 1] ?? Number.NaN })
const at = (values: readonly Value[], i: number): Value => values[i] ?? null

/** The whole time of one point: the mean weighted by what is covered, energy of what is covered. */
export function totalOf(rows: readonly Row[], completenessPct: number): Total {
  let weight = 0
  let sum = 0
  for (const row of rows) {
    if (row.mean === null) continue
    const covered = ((row.toMs - row.fromMs) * row.complete) / 100
    weight += covered
    sum += row.mean * covered
  }
  const known = (pick: (row: Row) => Value): number[] => rows.map(pick).filter((value) => value !== null)
  const energies = known((row) => row.energy)
  return {
    windows: rows.length, mean: weight > 0 ? sum / weight : null, low: least(known((row) => row.low)), high: most(known((row) => row.high)),
    energy: energies.length > 0 ? energies.reduce((a, b) => a + b, 0) : null, complete: completenessPct, worst: most(rows.map((row) => row.worst)) ?? 0,
  }
}

const least = (values: readonly number[]): Value => values.reduce<Value>((a, b) => (a === null || b < a ? b : a), null)
const most = (values: readonly number[]): Value => values.reduce<Value>((a, b) => (a === null || b > a ? b : a), null)

/** Per cent, cut to one decimal: 99.96 is not 100. */
export function cutPct(pct: number): number {
  return Math.floor(pct * 10 + 1e-6) / 10
}

/** A stretch of windows of which the same is to be said. */
export interface Stretch {
  from: number
  to: number
  kind: 'empty' | 'part' | 'uncertain' | 'bad'
}

/** Where a person has to know more than the line tells: nothing measured, a part only, a doubtful or a bad sample; indices of windows. */
export function stretches(line: Line): Stretch[] {
  const out: Stretch[] = []
  line.worst.forEach((worst, i) => {
    const kind = kindOf(line.complete?.[i] ?? 100, worst, line.complete === null)
    const last = out.at(-1)
    if (kind === null) return
    if (last?.kind === kind && last.to === i) last.to = i + 1
    else out.push({ from: i, to: i + 1, kind })
  })
  return out
}

function kindOf(complete: number, worst: number, single: boolean): Stretch['kind'] | null {
  const found = classOf(worst)
  if (complete <= 0 && !single) return 'empty'
  if (found !== 'good') return found
  return complete < 99.95 ? 'part' : null
}

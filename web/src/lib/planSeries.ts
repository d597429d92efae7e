/** The plan's series beside what was measured, on one time axis for the chart. */
import type { History, Plan, PlanSeries } from '@/api/types'
import type { Plant } from '@/lib/bind'

/** Columns for the chart: seconds since 1970, plan, measured mean; null where one has nothing. */
export interface Columns {
  times: number[]
  plan: (number | null)[]
  actual: (number | null)[]
}

const BOUND: readonly (readonly [RegExp, (plant: Plant) => string | undefined])[] = [
  [/soc|stored/, (plant) => plant.soc?.id],
  [/grid|import/, (plant) => plant.grid?.power?.id],
  [/battery/, (plant) => plant.battery?.power?.id],
  [/pv/, (plant) => plant.pv?.power?.id],
  [/chp.*heat/, (plant) => plant.chp?.heat?.id],
  [/chp.*fuel/, (plant) => plant.chp?.fuel?.id],
  [/chp/, (plant) => plant.chp?.power?.id],
  [/boiler/, (plant) => plant.boiler?.heat?.id],
]

/** The measured point that answers to a series of the plan, if there is one. */
export function actualOf(series: PlanSeries, plant: Plant): string | undefined {
  return BOUND.find(([name]) => name.test(series.name))?.[1](plant)
}

/** The series to show first: grid import and battery, else the first two. */
export function firstSeries(plan: Plan): string[] {
  const wanted = [/grid|import/, /battery(?!.*soc)/].flatMap((name) => plan.series.find((one) => name.test(one.name))?.name ?? [])
  return wanted.length > 0 ? wanted : plan.series.slice(0, 2).map((one) => one.name)
}

/**
 * Lay plan and history on one axis.
 *
 * Each plan value holds for `step_s` from its instant, so the last one is repeated at the end of its step. A history
 * mean holds for its window and is set at the window's start; an empty window stays a gap.
 */
export function columns(plan: Plan, series: PlanSeries, history: History | undefined, now: { s: number; value: number | null } | undefined): Columns {
  const rows = new Map<number, { plan?: number | null; actual?: number | null }>()
  const at = (s: number): { plan?: number | null; actual?: number | null } => {
    const row = rows.get(s) ?? {}
    rows.set(s, row)
    return row
  }
  plan.times.forEach((time, i) => (at(Date.parse(time) / 1000).plan = series.values[i] ?? null))
  const last = plan.times.at(-1)
  if (last !== undefined) at(Date.parse(last) / 1000 + plan.step_s).plan = series.values[plan.times.length - 1] ?? null
  history?.times.forEach((time, i) => (at(Date.parse(time) / 1000).actual = history.mean[i] ?? null))
  if (now !== undefined && now.value !== null) at(now.s).actual = now.value
  return fill([...rows].sort(([a], [b]) => a - b))
}

function fill(rows: [number, { plan?: number | null; actual?: number | null }][]): Columns {
  const out: Columns = { times: [], plan: [], actual: [] }
  const known = { plan: rows.map(([, row]) => row.plan !== undefined), actual: rows.map(([, row]) => row.actual !== undefined) }
  const range = { plan: [known.plan.indexOf(true), known.plan.lastIndexOf(true)], actual: [known.actual.indexOf(true), known.actual.lastIndexOf(true)] }
  for (const key of ['plan', 'actual'] as const) {
    let held: number | null = null
    rows.forEach(([, row], i) => {
      const value = row[key]
      if (value !== undefined) held = value
      const [from = -1, to = -1] = range[key]
      out[key].push(i >= from && i <= to ? held : null)
    })
  }
  out.times = rows.map(([s]) => s)
  return out
}

/** Index of the last time at or before `s`; 0 when all are later. */
export function indexAt(times: readonly number[], s: number): number {
  return Math.max(0, times.findLastIndex((time) => time <= s))
}

/** Consecutive steps of one machine in one role while on, as half-open index ranges. */
export interface Run {
  from: number
  to: number
  role: string
}

/** The runs of a machine over the plan. */
export function runs(on: readonly number[], role: readonly string[]): Run[] {
  const out: Run[] = []
  on.forEach((flag, i) => {
    if (flag < 0.5) return
    const name = role[i] ?? ''
    const last = out.at(-1)
    if (last?.to === i && last.role === name) last.to = i + 1
    else out.push({ from: i, to: i + 1, role: name })
  })
  return out
}

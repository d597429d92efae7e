/** A balance as lines of a chart and rows of a table. Pure. */
import type { Balance } from '@/api/types'
import type { Chart, Line } from '@/lib/curves'

type Value = number | null

export interface BalanceRow {
  fromMs: number
  toMs: number
  parent: Value
  children: Value
  residual: Value
  residualPct: Value
  complete: number
  worst: number
}

/** The three sides over the time; strips below tell where not all is measured. */
export function balanceChart(found: Balance, names: { parent: string; children: string; residual: string }): Chart {
  const line = (key: 'parent' | 'children' | 'residual', pen: number): Line => ({
    key, pen, name: names[key], unit: found.unit, values: found[key].length === 0 ? [] : [...found[key], found[key].at(-1) ?? null],
    low: null, high: null, complete: found.complete_pct, worst: found.worst,
  })
  return { times: found.edges_ms.map((ms) => ms / 1000), lines: [line('parent', 0), line('children', 1), line('residual', 2)] }
}

/** One row a window. */
export function balanceRows(found: Balance): BalanceRow[] {
  return found.residual.map((residual, i) => ({
    fromMs: found.edges_ms[i] ?? Number.NaN, toMs: found.edges_ms[i + 1] ?? Number.NaN, parent: found.parent[i] ?? null, children: found.children[i] ?? null, residual,
    residualPct: found.residual_pct[i] ?? null, complete: found.complete_pct[i] ?? 0, worst: found.worst[i] ?? 0,
  }))
}

/** The whole time: means weighted by the time in which all sides are measured; the share is of these means, not a mean of shares. */
export function balanceTotal(rows: readonly BalanceRow[]): Omit<BalanceRow, 'fromMs' | 'toMs'> {
  const sum = { weight: 0, length: 0, parent: 0, children: 0, residual: 0 }
  for (const row of rows) {
    const length = row.toMs - row.fromMs
    sum.length += length
    if (row.residual === null || row.parent === null || row.children === null) continue
    const weight = (length * row.complete) / 100
    sum.weight += weight
    sum.parent += weight * row.parent
    sum.children += weight * row.children
    sum.residual += weight * row.residual
  }
  const mean = (value: number): Value => (sum.weight > 0 ? value / sum.weight : null)
  return {
    parent: mean(sum.parent), children: mean(sum.children), residual: mean(sum.residual), residualPct: sum.weight > 0 && sum.parent !== 0 ? (100 * sum.residual) / sum.parent : null,
    complete: sum.length > 0 ? (100 * sum.weight) / sum.length : 0, worst: rows.reduce((worst, row) => Math.max(worst, row.worst), 0),
  }
}

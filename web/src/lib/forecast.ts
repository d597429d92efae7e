/** A forecast as lines of a chart: what was measured up to now, then what is foreseen with its band. Pure. */
import type { Forecast, ForecastSeries } from '@/api/types'
import type { Chart, Line } from '@/lib/curves'

export interface ForecastChart extends Chart {
  fromMs: number
  toMs: number
}

type Value = number | null

/** Times of all quarters, s since 1970, with the end of the last; each value holds to the end of its quarter. */
export function chartOf(forecast: Forecast, series: ForecastSeries, names: { foreseen: string; measured: string }): ForecastChart {
  const stepS = forecast.step_s
  const before = series.measured.length
  const startS = Date.parse(forecast.start) / 1000 - before * stepS
  const count = before + series.middle.length
  const times = Array.from({ length: count + 1 }, (_, i) => startS + i * stepS)
  const blank = new Array<Value>(before).fill(null)
  const ahead = (values: readonly Value[]): Value[] => [...blank, ...values, values.at(-1) ?? null]
  const line = (key: string, pen: number, name: string, values: Value[], band: [Value[], Value[]] | null): Line => ({
    key, pen, name, unit: series.unit, values, low: band?.[0] ?? null, high: band?.[1] ?? null, complete: null, worst: values.map(() => 0),
  })
  const known = [...series.measured, series.measured.at(-1) ?? null, ...new Array<Value>(series.middle.length).fill(null)]
  return {
    times,
    lines: [
      line('foreseen', 1, names.foreseen, ahead(series.middle), [ahead(series.low), ahead(series.high)]),
      line('measured', 0, names.measured, known, null),
    ],
    fromMs: startS * 1000,
    toMs: (startS + count * stepS) * 1000,
  }
}

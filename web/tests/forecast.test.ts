import { describe, expect, it } from 'vitest'

import type { Forecast, ForecastSeries } from '@/api/types'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh.json'
import { chartOf } from '@/lib/forecast'

const series: ForecastSeries = {
  name: 'process_kw', unit: 'kW', label: { en: 'Electric loads', zh: '工艺用电' }, low: [8, 9, null], middle: [10, 11, null], high: [12, 13, null], measured: [7, null],
  method: 'learned', champion: 'learned', methods: [], live: null, data: { days: 30, gaps: 0, stuck: 0, spikes: 0, drift: 0 },
}
const forecast: Forecast = { made: '2026-11-22T08:01:00Z', start: '2026-11-22T08:00:00Z', step_s: 900, trained: null, weather: null, series: [series] }

describe('a forecast as lines', () => {
  const chart = chartOf(forecast, series, { foreseen: 'foreseen', measured: 'measured' })
  const [foreseen, measured] = chart.lines

  it('stands where it begins, with what was measured before it', () => {
    expect(chart.fromMs).toBe(Date.parse('2026-11-22T07:30:00Z'))
    expect(chart.toMs).toBe(Date.parse('2026-11-22T08:45:00Z'))
    expect(chart.times).toHaveLength(6)
    expect(measured?.values).toEqual([7, null, null, null, null, null])
    expect(foreseen?.values).toEqual([null, null, 10, 11, null, null])
  })

  it('has its band from low to high and gaps as gaps', () => {
    expect(foreseen?.low).toEqual([null, null, 8, 9, null, null])
    expect(foreseen?.high).toEqual([null, null, 12, 13, null, null])
    expect(chart.lines.every((line) => line.worst.length === line.values.length)).toBe(true)
  })

  it('names every method in both languages', () => {
    const methods = ['learned', 'similar_days', 'last_week', 'yesterday', 'imported']
    expect(Object.keys(en.forecast.methods)).toEqual(methods)
    expect(Object.keys(zh.forecast.methods)).toEqual(methods)
  })
})

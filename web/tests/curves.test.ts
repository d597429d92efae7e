import { describe, expect, it } from 'vitest'

import type { Balance, PointSeries, Samples, Series } from '@/api/types'
import { balanceRows, balanceTotal } from '@/lib/balance'
import { cutPct, rowsOf, sampleChart, stretches, totalOf, windowChart } from '@/lib/curves'
import { samplesCsv, windowsCsv } from '@/lib/seriesCsv'
import { firstAsk, nextAsk, traceRows } from '@/lib/trace'

const START = Date.parse('2026-01-05T08:00:00Z')
const MINUTE = 60_000
const at = (minute: number): string => new Date(START + minute * MINUTE).toISOString()

function pointSeries(over: Partial<PointSeries> = {}): PointSeries {
  return {
    point: 'demo/comp1/power_kw', unit: 'kW', mean: [5, 10, null], min: [4, 9, null], max: [6, 11, null], energy_kwh: [5, 2.5, null], complete_pct: [100, 25, 0], worst: [0, 129, 0],
    completeness_pct: 41.67, ...over,
  }
}
const series: Series = { edges_ms: [0, 60, 120, 180].map((minute) => START + minute * MINUTE), points: [pointSeries()] }

function samples(over: Partial<Samples> = {}): Samples {
  return {
    point: 'demo/comp1/power_kw', unit: 'kW', times: [at(0), at(1), at(40)], values: [5, 900, null], qualities: [0, 0, 129], marks: [0, 136, 129], source_times: [null, null, null], next_from: null,
    trace: { sources: [{ edge: 'edge1', journal: 'j1' }], source: [0, 0, null], seqs: [7, 8, null], polled: [at(0), at(1), null], exact: [true, false, false] }, ...over,
  }
}

describe('windows as a chart', () => {
  it('hold to the end of the last window, and a window without anything is a gap', () => {
    const { times, lines } = windowChart(series, [{ row: pointSeries(), pen: 0, name: 'Compressor 1' }])
    expect(times).toHaveLength(4)
    expect(lines[0]?.values).toEqual([5, 10, null, null])
    expect(lines[0]?.high).toEqual([6, 11, null, null])
  })

  it('say where nothing was measured, where a part only, where a bad sample stood', () => {
    const { lines } = windowChart(series, [{ row: pointSeries({ complete_pct: [100, 25, 0], worst: [0, 0, 0] }), pen: 0, name: '' }])
    expect(lines.flatMap(stretches)).toEqual([{ from: 1, to: 2, kind: 'part' }, { from: 2, to: 3, kind: 'empty' }])
    const bad = windowChart(series, [{ row: pointSeries(), pen: 0, name: '' }])
    expect(bad.lines.flatMap(stretches).map((one) => one.kind)).toEqual(['bad', 'empty'])
  })

  it('come to a mean weighted by what was measured, never a mean of means', () => {
    const total = totalOf(rowsOf(series.edges_ms, pointSeries()), 41.67)
    expect(total.mean).toBeCloseTo((5 * 60 + 10 * 15) / 75, 10)
    expect([total.low, total.high, total.energy, total.worst, total.complete]).toEqual([4, 11, 7.5, 129, 41.67])
    const none = totalOf([], 0)
    expect([none.mean, none.low, none.energy]).toEqual([null, null, null])
  })

  it('never round completeness up', () => {
    expect([cutPct(99.96), cutPct(100), cutPct(0)]).toEqual([99.9, 100, 0])
  })
})

describe('samples as a chart', () => {
  it('keep what a rule marks, and end what is held after 15 minutes', () => {
    const { times, lines } = sampleChart([{ samples: samples(), pen: 0, name: '' }], START + 60 * MINUTE)
    expect(times.map((s) => (s * 1000 - START) / MINUTE)).toEqual([0, 1, 16, 40])
    expect(lines[0]?.values).toEqual([5, 900, null, null])
    expect(lines[0]?.worst).toEqual([0, 136, 0, 129])
    expect(lines.flatMap(stretches).map((one) => one.kind)).toEqual(['bad', 'bad'])
  })

  it('of two points share a time axis without breaking each other', () => {
    const other = samples({ point: 'demo/comp2/power_kw', times: [at(0.5)], values: [3], qualities: [0], marks: [0], source_times: [null] })
    const { lines } = sampleChart([{ samples: samples(), pen: 0, name: '' }, { samples: other, pen: 1, name: '' }], START + 5 * MINUTE)
    expect(lines[0]?.values[1]).toBeUndefined()
    expect(lines[1]?.values[1]).toBe(3)
  })
})

describe('what was made of a window', () => {
  it('begins with what stood in it from before, and only that', () => {
    const rows = traceRows([samples()], START + 0.5 * MINUTE)
    expect(rows.map((row) => [row.seq, row.before, row.exact])).toEqual([[7, true, true], [8, false, false], [null, false, false]])
    expect(traceRows([samples()], START + 60 * MINUTE).map((row) => row.before)).toEqual([true])
    expect(rows[1]).toMatchObject({ value: 900, quality: 0, mark: 136, edge: 'edge1', journal: 'j1' })
  })

  it('is asked for a day at a time, from 15 minutes before it', () => {
    const day = 24 * 60 * MINUTE
    const first = firstAsk(START, START + 3 * day)
    expect([first.fromMs - START, first.toMs - START]).toEqual([-15 * MINUTE, day])
    expect(nextAsk(first, samples(), START + 3 * day)).toEqual({ fromMs: START + day, toMs: START + 2 * day })
    expect(nextAsk(first, samples({ next_from: at(5) }), START + 3 * day)?.fromMs).toBe(START + 5 * MINUTE)
    expect(nextAsk(first, samples(), START + day)).toBeNull()
  })
})

describe('the file', () => {
  it('has every window with its completeness, and no number where there is none', () => {
    const lines = windowsCsv(series, 'Asia/Shanghai').split('\r\n')
    expect(lines).toHaveLength(5)
    expect(lines[2]).toBe('demo/comp1/power_kw,kW,2026-01-05T09:00:00.000Z,2026-01-05T10:00:00.000Z,2026-01-05 17:00:00 UTC+8,10,9,11,2.5,25,129,unreachable')
    expect(lines[3]).toContain('UTC+8,,,,,0,0,good')
  })

  it('has every sample with its mark and its row', () => {
    const lines = samplesCsv([samples()], 'UTC').split('\r\n')
    expect(lines[2]).toContain(',900,0,136,spike,,edge1,j1,8,false,')
    expect(lines[3]).toContain(',,129,129,unreachable,,,,,,')
  })
})

describe('a balance over a whole time', () => {
  const found: Balance = {
    id: 'power', unit: 'kW', edges_ms: series.edges_ms, parent: [100, 200, null], children: [90, 150, null], residual: [10, 50, null], residual_pct: [10, 25, null], complete_pct: [100, 50, 0], worst: [0, 68, 0],
  }
  it('weighs windows by what all meters measured; the share is of these sums', () => {
    const total = balanceTotal(balanceRows(found))
    expect(total.residual).toBeCloseTo((10 * 60 + 50 * 30) / 90, 10)
    expect(total.residualPct).toBeCloseTo((100 * (10 * 60 + 50 * 30)) / (100 * 60 + 200 * 30), 10)
    expect([total.complete, total.worst]).toEqual([50, 68])
    expect(balanceTotal([]).residual).toBeNull()
  })
})

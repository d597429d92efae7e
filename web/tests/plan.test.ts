import { describe, expect, it } from 'vitest'

import type { Command, History } from '@/api/types'
import { bareLabel, bind, codeWords, kindOf, standing } from '@/lib/bind'
import { layout } from '@/lib/layout'
import { actualOf, columns, firstSeries, indexAt, runs } from '@/lib/planSeries'
import { isAbnormal, verdict } from '@/lib/verdict'
import { isCurrent } from '@/stores/live'

import { command, device, plan, point } from './make'

const AT = Date.parse('2026-01-05T08:00:00Z')

describe('the chart\'s columns', () => {
  const history = (mean: (number | null)[], start: number): History => ({
    point: 'p', unit: 'kW', window_s: 900, mean, min: mean, max: mean, completeness_pct: 100, complete_pct: mean.map(() => 100), worst: mean.map(() => 0),
    times: mean.map((_, i) => new Date(start + i * 900_000).toISOString()),
  })

  it('hold the last planned value to the end of its step and end the actual at now', () => {
    const one = plan([10, 20])
    const got = columns(one, one.series[0] ?? { name: '', unit: '', label: { en: '', zh: '' }, values: [] }, history([5, 6], AT - 1_800_000), { s: AT / 1000 + 60, value: 7 })
    expect(got.times.map((s) => s - AT / 1000)).toEqual([-1800, -900, 0, 60, 900, 1800])
    expect(got.plan).toEqual([null, null, 10, 10, 20, 20])
    expect(got.actual).toEqual([5, 6, 6, 7, null, null])
  })

  it('keep an empty window as a gap', () => {
    const one = plan([1])
    const got = columns(one, { name: 'x', unit: 'kW', label: { en: '', zh: '' }, values: [1] }, history([5, null, 6], AT - 2_700_000), undefined)
    expect(got.actual).toEqual([5, null, 6, null, null])
  })

  it('find the value in force at a moment', () => {
    expect(indexAt([10, 20, 30], 25)).toBe(1)
    expect(indexAt([10, 20], 5)).toBe(0)
  })
})

describe('the runs of a machine', () => {
  it('join steps of one role and part at a change', () => {
    expect(runs([1, 1, 0, 1, 1], ['base', 'base', 'off', 'base', 'trim'])).toEqual([{ from: 0, to: 2, role: 'base' }, { from: 3, to: 4, role: 'base' }, { from: 4, to: 5, role: 'trim' }])
    expect(runs([0, 0], [])).toEqual([])
  })
})

describe('binding', () => {
  const devices = [device('comp1', 'compressor_fixed'), device('meter_main', 'meter'), device('meter_process', 'meter'), device('battery1', 'battery'), device('ahu1', 'air_handler'), device('chp1', 'chp')]
  const points = [point('comp1', 'power_kw', 'kW'), point('comp1', 'header_bar_g', 'bar(g)'), point('comp1', 'state_code', 'code', 'state'), point('meter_main', 'power_kw', 'kW'), point('battery1', 'power_set_kw', 'kW', 'setpoint'), point('battery1', 'power_kw', 'kW'), point('battery1', 'soc_frac', '1')]
  const plant = bind(devices, points)

  it('tells devices by kind, and the meter of the connection by its id', () => {
    expect(devices.map(kindOf)).toEqual(['compressor', 'grid', 'meter', 'battery', 'ahu', 'chp'])
  })

  it('finds the parts, never a set-point for a measurement', () => {
    expect(plant.battery?.power?.id).toBe('demo/battery1/power_kw')
    expect(plant.pressure?.id).toBe('demo/comp1/header_bar_g')
    expect(plant.compressors[0]?.state?.name).toBe('state_code')
    expect(plant.chp?.power).toBeUndefined()
  })

  it('answers a series of the plan with the measured point', () => {
    const series = (name: string) => ({ name, unit: 'kW', label: { en: '', zh: '' }, values: [] })
    expect(actualOf(series('grid_import_kw'), plant)).toBe('demo/meter_main/power_kw')
    expect(actualOf(series('battery_soc_frac'), plant)).toBe('demo/battery1/soc_frac')
    expect(actualOf(series('price'), plant)).toBeUndefined()
    expect(firstSeries(plan([1]))).toEqual(['grid_import_kw'])
  })

  it('reads the words of codes from labels of both languages', () => {
    expect(codeWords('State (0 off, 1 unloaded, 9 tripped)').get(9)).toBe('tripped')
    expect(codeWords('状态(0 停机、1 空载)').get(1)).toBe('空载')
    expect(bareLabel('状态(0 停机、1 空载)')).toBe('状态')
    expect(bareLabel('Power (charging positive)')).toBe('Power (charging positive)')
  })

  it('tells how a machine stands from the word, else from its power', () => {
    expect(['off', 'standby', 'unloaded', 'tripped'].map((word) => standing(word, 50))).toEqual(['off', 'off', 'on', 'tripped'])
    expect([standing(undefined, null), standing(undefined, -80), standing(undefined, 0.2)]).toEqual(['unknown', 'on', 'off'])
  })
})

describe('the picture', () => {
  it('lays nothing on top of another, whatever the number of machines', () => {
    for (const n of [0, 1, 4, 9]) {
      const place = layout(n, 2, 4)
      expect(place.cold.top).toBeGreaterThan(place.air.bottom)
      expect(place.loads).toBeGreaterThan(place.cold.bottom)
      expect(place.height).toBeGreaterThan(place.heat)
      for (const [i, top] of place.sources.entries()) expect(place.sources[i + 1] ?? Infinity).toBeGreaterThan(top + 78)
    }
  })
})

describe('the verdict of a set-point', () => {
  it('is equal only after the read-back, and over with its lease', () => {
    expect(verdict(command(), AT)).toBe('equal')
    expect(verdict(command({ state: 'written', readback: null }), AT)).toBe('waiting')
    expect(verdict(command(), AT + 10_000)).toBe('over')
    expect(verdict(command({ lease_until: null }), AT + 1e9)).toBe('equal')
  })

  it('tells a different read-back from no read-back', () => {
    expect(verdict(command({ state: 'failed', code: 'mismatch' }), AT)).toBe('notEqual')
    expect(verdict(command({ state: 'failed', code: 'no_answer', readback: null }), AT)).toBe('failed')
    expect(isAbnormal('refused')).toBe(true)
    expect(isAbnormal('over')).toBe(false)
  })

  it('is none for a release, which ends what ran on its point', () => {
    expect(isCurrent({ ...command(), value: null } as unknown as Command, AT)).toBe(false)
  })

  it('leaves the list when it ended, and stays a while when it was refused', () => {
    expect(isCurrent(command({ state: 'released' }), AT)).toBe(false)
    expect(isCurrent(command(), AT + 30_000)).toBe(false)
    expect(isCurrent(command({ state: 'refused' }), AT + 300_000)).toBe(true)
    expect(isCurrent(command({ state: 'refused' }), AT + 700_000)).toBe(false)
  })
})

/** Things of a plant for tests, as the hub would send them. */
import type { Command, Device, Plan, Point, Value } from '@/api/types'

export function value(over: Partial<Value> = {}): Value {
  return { point: 'demo/comp1/power_kw', value: 118.04, quality: 0, quality_class: 'good', time: '2026-01-05T08:00:00Z', age_s: 1, source_time: null, ...over }
}

export function device(id: string, kind: string): Device {
  return { id, kind, label: { en: id, zh: id }, protocol: 'modbus', link: 'up', mode: 'auto' }
}

export function point(device: string, name: string, unit: string, kind = 'measurement'): Point {
  return { id: `demo/${device}/${name}`, device, name, unit, kind, label: { en: name, zh: name }, low: null, high: null, stale_after_s: 45 }
}

export function command(over: Partial<Command> = {}): Command {
  return {
    id: 'c1', time: '2026-01-05T08:00:00Z', point: 'demo/battery1/power_set_kw', value: 50, unit: 'kW', state: 'verified', code: null,
    text: { en: '', zh: '' }, level: 'optimiser', lease_until: '2026-01-05T08:00:10Z', readback: 50, readback_time: '2026-01-05T08:00:01Z', ...over,
  }
}

export function plan(values: (number | null)[], start = '2026-01-05T08:00:00Z'): Plan {
  const times = values.map((_, i) => new Date(Date.parse(start) + i * 900_000).toISOString())
  return {
    id: 'p1', created: start, status: 'optimal', gap: 0.001, bound: 1, cost: 1, baseline_cost: 2, co2_kg: 3, solve_s: 1, currency: 'EUR', step_s: 900, times,
    series: [{ name: 'grid_import_kw', unit: 'kW', label: { en: 'Grid', zh: '电网' }, values }], machines: [],
  }
}

/** Things of a plant for tests, as the hub would send them. */
import type { AuditEntry, Command, Device, Held, Order, Plan, Point, Setpoint, Value } from '@/api/types'

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
    text: { en: '', zh: '' }, reason: { en: '', zh: '' }, level: 'optimiser', lease_until: '2026-01-05T08:00:10Z', readback: 50, readback_time: '2026-01-05T08:00:01Z', ...over,
  }
}

export function plan(values: (number | null)[], start = '2026-01-05T08:00:00Z'): Plan {
  const times = values.map((_, i) => new Date(Date.parse(start) + i * 900_000).toISOString())
  return {
    id: 'p1', created: start, status: 'optimal', gap: 0.001, bound: 1, cost: 1, baseline_cost: 2, co2_kg: 3, solve_s: 1, currency: 'EUR', step_s: 900, times,
    series: [{ name: 'grid_import_kw', unit: 'kW', label: { en: 'Grid', zh: '电网' }, values }], machines: [],
  }
}

export function setpoint(over: Partial<Setpoint> = {}): Setpoint {
  return {
    id: 'demo/comp4/pressure_set_bar_g', device: 'comp4', label: { en: 'Pressure wanted', zh: '压力设定' }, unit: 'bar(g)', low: 6.3, high: 7.5, step: null, dwell_s: 0,
    two_step: false, two_persons: false, fallback: { kind: 'release', value: 7 }, zone: null, levels: ['operator'], settable: true, why_not: null, holder: null,
    value: 7, quality: 'good', time: '2026-01-05T08:00:00Z', ...over,
  }
}

export function held(over: Partial<Held> = {}): Held {
  const why = over.why ?? 'no lease lives'
  return { rung: 'fallback', value: 7, until_s: null, actor: '', why, why_text: { en: why, zh: why }, age_s: 0, old: false, ...over }
}

export function order(over: Partial<Order> = {}): Order {
  return {
    id: 'o1', kind: 'set', target: 'demo/comp4/pressure_set_bar_g', value: 6.6, unit: 'bar(g)', expect: 7, reason: 'test', actor: 'admin', asked: '2026-01-05T08:00:00Z', until: '2026-01-05T08:15:00Z',
    state: 'asked', code: null, text: { en: 'Written down; not sent yet.', zh: '已记录,尚未发出。' }, readback: null, readback_time: null, commands: [], of: null, ...over,
  }
}

export function entry(over: Partial<AuditEntry> = {}): AuditEntry {
  return {
    number: 1, time: '2026-01-05T08:00:00Z', actor: 'admin', role: 'admin', source: '127.0.0.1', category: 'command', type: 'set', target: 'demo/comp4/pressure_set_bar_g',
    old: '7 bar(g)', new: '6.6 bar(g)', reason: 'test', reason_text: { en: 'test', zh: 'test' }, result: 'asked', order: 'o1', command: '', token: '', ...over,
  }
}

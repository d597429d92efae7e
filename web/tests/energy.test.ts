/** Periods by their name, and accounts as bars. */
import { describe, expect, it } from 'vitest'

import type { AccountRow } from '@/api/types'
import { barsOf, firstDay, kindOf, lastDay, periodWith, stepped, sum, todayIn } from '@/lib/energy'

const row = (key: string, amount: number, more: Partial<AccountRow> = {}): AccountRow => ({
  key: [key], labels: [{ en: key, zh: key }], carrier: 'electricity', carrier_label: { en: 'Electricity', zh: '电力' }, unit: 'kWh', amount, cost: amount / 4, co2_kg: amount / 2, complete_pct: 100, ...more,
})

describe('periods', () => {
  it.each([
    ['2026-10-22', 'day'], ['2026-W43', 'week'], ['2026-10', 'month'], ['2026', 'year'], ['2026-10-01..2026-10-15', 'range'],
  ] as const)('%s is a %s', (name, kind) => {
    expect(kindOf(name)).toBe(kind)
  })
  it('knows what is none', () => {
    expect([kindOf(''), kindOf('x'), kindOf('2026-1')]).toEqual([null, null, null])
  })
  it.each([
    ['2026-W01', '2025-12-29', '2026-01-04'], ['2026-W53', '2026-12-28', '2027-01-03'], ['2024-02', '2024-02-01', '2024-02-29'], ['2026', '2026-01-01', '2026-12-31'],
  ])('%s lasts from %s to %s', (name, first, last) => {
    expect([firstDay(name), lastDay(name)]).toEqual([first, last])
  })
  it.each([
    ['day', '2026-12-31', '2026-12-31'], ['week', '2026-12-31', '2026-W53'], ['week', '2027-01-03', '2026-W53'], ['month', '2026-12-31', '2026-12'], ['year', '2026-12-31', '2026'],
  ] as const)('the %s with %s is %s', (kind, day, name) => {
    expect(periodWith(kind, day)).toBe(name)
  })
  it.each([
    ['2026-01', -1, '2025-12'], ['2026-12', 1, '2027-01'], ['2026-W53', 1, '2027-W01'], ['2026-03-01', -1, '2026-02-28'], ['2026', 1, '2027'], ['2026-10-01..2026-10-10', -1, '2026-09-21..2026-09-30'],
  ] as const)('%s moved by %i is %s', (name, by, moved) => {
    expect(stepped(name, by)).toBe(moved)
  })
  it('moves there and back for two years of each kind', () => {
    for (const kind of ['day', 'week', 'month', 'year'] as const) {
      let name = periodWith(kind, '2026-02-27')
      for (let n = 0; n < 60; n += 1) {
        const next = stepped(name, 1)
        expect(stepped(next, -1)).toBe(name)
        expect(firstDay(next) > lastDay(name)).toBe(true)
        name = next
      }
    }
  })
  it('has the day of the site, not of the browser', () => {
    expect(todayIn('Asia/Shanghai', Date.UTC(2026, 9, 31, 17))).toBe('2026-11-01')
  })
})

describe('bars', () => {
  it('go by the longest of their carrier, the largest first', () => {
    const [power, gas] = barsOf([row('a', 10), row('b', 40), row('', -20), row('a', 5, { carrier: 'natural_gas' })])
    expect(power?.bars.map((bar) => [bar.row.key[0], bar.share])).toEqual([['b', 1], ['a', 0.25], ['', 0.5]])
    expect([power?.amount, power?.cost, gas?.amount]).toEqual([30, 7.5, 5])
  })
  it('tell the least that is known, and no sum where a part is not known', () => {
    const [power] = barsOf([row('a', 10, { complete_pct: 97 }), row('b', 10, { cost: null })])
    expect([power?.completePct, power?.cost, power?.co2Kg]).toEqual([97, null, 10])
    expect(sum([])).toBe(0)
  })
})

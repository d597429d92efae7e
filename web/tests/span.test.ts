import { describe, expect, it } from 'vitest'

import type { SiteArea } from '@/api/types'
import { areasOf, declaredAreas } from '@/lib/areas'
import { formatBytes } from '@/lib/format'
import { reasonOf, signOf } from '@/lib/quality'
import { cutOf, cutQuery, fieldMs, fieldText, fits, spanOf, wholeCut } from '@/lib/span'
import { device, point } from './make'

const NOW = Date.parse('2026-11-01T12:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR

describe('the time in an address', () => {
  it('is what it says, else the last day', () => {
    expect(spanOf({ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }, NOW).last).toBeNull()
    expect(spanOf({ last: '7d' }, NOW)).toEqual({ fromMs: NOW - 7 * DAY, toMs: NOW, last: '7d' })
    expect(spanOf({}, NOW).last).toBe('24h')
  })

  it('is the last day where it is turned round or no time at all', () => {
    expect(spanOf({ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, NOW).last).toBe('24h')
    expect(spanOf({ from: 'x', to: ['y'], last: 'for ever' }, NOW).last).toBe('24h')
  })

  it('is cut into no more windows than the hub answers at once', () => {
    const year = { fromMs: NOW - 365 * DAY, toMs: NOW, last: null }
    expect(cutOf({ cut: '60' }, year)).toBe('auto')
    expect(cutOf({ cut: 'month' }, year)).toBe('month')
    expect(cutOf({ cut: '; drop' }, year)).toBe('auto')
    expect([fits('raw', year), fits('day', year)]).toEqual([false, true])
    expect([wholeCut('auto', year), wholeCut('raw', spanOf({}, NOW)), wholeCut('900', year)]).toEqual(['month', 'hour', '900'])
  })

  it('becomes the question the hub knows', () => {
    expect(cutQuery('auto', 1200.4)).toEqual({ pixels: 1200 })
    expect(cutQuery('auto', 0)).toEqual({ pixels: 50 })
    expect(cutQuery('900', 1)).toEqual({ window_s: 900 })
    expect(cutQuery('day', 1)).toEqual({ calendar: 'day' })
  })
})

describe('a field of date and time', () => {
  const zone = 'Europe/Berlin'
  it('goes by the zone of the site, in summer and in winter', () => {
    for (const iso of ['2026-07-01T10:30:00Z', '2026-12-01T10:30:00Z']) expect(fieldMs(fieldText(Date.parse(iso), zone), zone)).toBe(Date.parse(iso))
    expect(fieldText(Date.parse('2026-07-01T10:30:00Z'), 'Asia/Shanghai')).toBe('2026-07-01T18:30')
  })

  it('takes the first of an hour that comes twice, and goes over one that is skipped', () => {
    expect(new Date(fieldMs('2026-10-25T02:30', zone)).toISOString()).toBe('2026-10-25T00:30:00.000Z')
    expect(new Date(fieldMs('2026-03-29T02:30', zone)).toISOString()).toBe('2026-03-29T01:30:00.000Z')
    expect(fieldMs('', zone)).toBeNaN()
  })
})

describe('words', () => {
  it('of a quality are those of its code, else of its class, with a sign of their own', () => {
    expect([reasonOf(136), reasonOf(200), reasonOf(70), reasonOf(0)]).toEqual(['spike', 'bad', 'uncertain', 'good'])
    expect([signOf(0), signOf(68), signOf(129)]).toEqual(['', '?', '×'])
  })

  it('of an area find a point by its machine and by its name', () => {
    expect(areasOf(point('comp1', 'power_kw', 'kW'), device('comp1', 'compressor'))).toEqual(['air'])
    expect(areasOf(point('meter_cooling', 'power_kw', 'kW'), device('meter_cooling', 'meter'))).toEqual(['power', 'cooling'])
    expect(areasOf(point('plant', 'air_flow_m3_min', 'm³/min'), undefined)).toEqual(['air'])
  })

  it('of the areas a site declares are found from the innermost to the whole', () => {
    const area = (id: string, within: string | null, devices: string[], points: string[] = []): SiteArea => ({ id, within, devices, points, label: { en: id, zh: id }, floor_m2: null })
    const areas = [area('works', null, []), area('hall', 'works', ['comp1']), area('lab', 'works', [], ['demo/comp1/temperature_c'])]
    expect(declaredAreas(point('comp1', 'power_kw', 'kW'), areas).map((one) => one.id)).toEqual(['hall', 'works'])
    expect(declaredAreas(point('comp1', 'temperature_c', '°C'), areas).map((one) => one.id)).toEqual(['lab', 'works'])
    expect(declaredAreas(point('comp9', 'power_kw', 'kW'), areas)).toEqual([])
  })

  it('of a size keep three digits', () => {
    expect([formatBytes(999, 'en-GB'), formatBytes(1500, 'en-GB'), formatBytes(2.5e9, 'en-GB'), formatBytes(null, 'en-GB'), formatBytes(123_456_789, 'en-GB')]).toEqual(['999 B', '1.5 kB', '2.5 GB', '–', '123 MB'])
  })
})

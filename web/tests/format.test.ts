import { describe, expect, it } from 'vitest'

import { DASH, formatAge, formatDateTime, formatLeft, formatMinute, formatNumber, formatUnit, formatZone, type Words } from '@/lib/format'
import { polylines } from '@/lib/trend'

const words: Words = (key, { n }) => `${String(n)} ${key.replace('age.', '')}`

describe('a number', () => {
  it('is the dash when there is none, never 0', () => {
    for (const nothing of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) expect(formatNumber(nothing, 'kW', 'en-GB')).toBe(DASH)
    expect(formatNumber(0, 'kW', 'en-GB')).toBe('0.0')
  })

  it('has the digits of its unit and the grouping of the language', () => {
    expect(formatNumber(1234.56, 'kW', 'en-GB')).toBe('1,234.6')
    expect(formatNumber(6.934, 'bar(g)', 'zh-CN')).toBe('6.93')
    expect(formatNumber(5.041, '', 'en-GB', 2)).toBe('5.04')
  })

  it('has no minus before a rounded zero', () => {
    expect(formatNumber(-0.01, 'kW', 'en-GB')).toBe('0.0')
    expect(formatNumber(-0.06, 'kW', 'en-GB')).toBe('-0.1')
  })

  it('is in per cent when it is a ratio', () => {
    expect(`${formatNumber(0.625, '1', 'en-GB')} ${formatUnit('1')}`).toBe('62.5 %')
    expect(formatUnit('code')).toBe('')
  })
})

describe('an age', () => {
  it('is told in the largest unit that still says something', () => {
    expect([0.9, 119, 120, 7199, 7200, 172_800].map((s) => formatAge(s, words))).toEqual(['0 s', '119 s', '2 min', '119 min', '2 h', '2 d'])
    expect(formatAge(null, words)).toBe(DASH)
  })
})

describe('a lease', () => {
  it('counts down to 0:00 and stops there', () => {
    expect(formatLeft(10_000, 500)).toBe('0:10')
    expect(formatLeft(75_000, 0)).toBe('1:15')
    expect(formatLeft(0, 5000)).toBe('0:00')
    expect(formatLeft(null, 0)).toBe(DASH)
  })
})

describe('a time', () => {
  it('stands in the zone of the site, in ISO order', () => {
    const ms = Date.parse('2026-07-01T22:30:05Z')
    expect(formatDateTime(ms, 'Europe/Berlin')).toBe('2026-07-02 00:30:05')
    expect(formatMinute(ms, 'Asia/Shanghai')).toBe('06:30')
    expect(formatZone(ms, 'Asia/Shanghai')).toBe('UTC+8')
    expect(formatDateTime(Number.NaN, 'UTC')).toBe(DASH)
  })
})

describe('the small trend', () => {
  it('keeps gaps and puts a flat line mid-way', () => {
    expect(polylines([null, null], 100, 30)).toEqual([])
    expect(polylines([1, 1, null, 1, 1], 100, 30)).toEqual(['0.0,15.0 25.0,15.0', '75.0,15.0 100.0,15.0'])
  })
})

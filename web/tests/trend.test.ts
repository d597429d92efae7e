import { describe, expect, it } from 'vitest'

import type { History } from '@/api/types'
import { cover } from '@/lib/trend'

function history(completeness_pct: number, worst: number[]): History {
  const mean = worst.map(() => 1)
  return {
    point: 'p', unit: 'kW', window_s: 60, mean, min: mean, max: mean, completeness_pct, complete_pct: mean.map(() => 100), worst,
    times: worst.map((_, i) => new Date(60_000 * i).toISOString()),
  }
}

describe('what is said beside a trend', () => {
  it('tells the covered part in whole per cent, never rounded up', () => {
    expect(cover(history(99.9, [0, 0]))).toEqual({ pct: 99, worst: 'good' })
    expect(cover(history(100, [0]))?.pct).toBe(100)
  })

  it('tells the worst quality that stood anywhere in it', () => {
    expect(cover(history(50, [0, 68, 0]))?.worst).toBe('uncertain')
    expect(cover(history(50, [0, 68, 129]))?.worst).toBe('bad')
  })

  it('says nothing where nothing was asked', () => {
    expect(cover(null)).toBeNull()
    expect(cover(history(0, []))).toBeNull()
  })
})

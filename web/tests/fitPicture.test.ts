import { describe, expect, it } from 'vitest'

import type { CurvePicture } from '@/api/types'
import { drawingOf } from '@/lib/fitPicture'

const picture: CurvePicture = {
  main: 'flow_m3_min', at: { inlet_c: 20 }, dots_x: [8, 24, 16], dots_kw: [60, 150, 100], x: [8, 16, 24],
  nominal_kw: [58, 95, 145], in_use_kw: [58, 95, 145], learnt_kw: [60, 100, 150], band_kw: [1, 2, 3],
}

describe('the picture of a fit', () => {
  it('keeps every dot and curve inside its frame', () => {
    const drawn = drawingOf(picture)
    if (drawn === null) throw new Error('nothing was drawn')
    const places = [...drawn.dots.map(({ x, y }) => [x, y]), ...drawn.band.split(' ').map((pair) => pair.split(',').map(Number))]
    expect(places).toHaveLength(3 + 6)
    for (const [x = -1, y = -1] of places) {
      expect(x).toBeGreaterThanOrEqual(0)
      expect(x).toBeLessThanOrEqual(drawn.width)
      expect(y).toBeGreaterThanOrEqual(0)
      expect(y).toBeLessThanOrEqual(drawn.height)
    }
  })

  it('draws more power higher', () => {
    const [first, , last] = drawingOf(picture)?.lines.learnt.split(' ').map((pair) => Number(pair.split(',')[1])) ?? []
    expect(last ?? 0).toBeLessThan(first ?? 0)
  })

  it('is nothing without a number', () => {
    expect(drawingOf({ ...picture, x: [], dots_x: [], dots_kw: [], nominal_kw: [], learnt_kw: [] })).toBeNull()
  })
})

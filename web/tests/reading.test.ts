import { describe, expect, it } from 'vitest'

import { combine, ratio, sum } from '@/lib/combine'
import { NOTHING, read, type Reading } from '@/lib/reading'

import { value } from './make'

const HEARD_S = 100
const LIMIT_S = 45
const at = (over: Parameters<typeof value>[0], nowS = HEARD_S, lost = false): Reading => read({ value: value(over), heardS: HEARD_S }, nowS, LIMIT_S, lost)

describe('a reading', () => {
  it('is missing when nothing was ever heard or there is no number', () => {
    expect(read(undefined, 0, LIMIT_S, false)).toEqual(NOTHING)
    expect(at({ value: null }).q).toBe('missing')
    expect(at({ value: Number.NaN }).value).toBeNull()
  })

  it('has no number when its sample is bad, whatever number came with it', () => {
    expect(at({ quality: 129, quality_class: 'bad', value: 5 })).toMatchObject({ q: 'bad', value: null, quality: 129 })
  })

  it('keeps the class of the hub while it is fresh', () => {
    expect(at({}).q).toBe('good')
    expect(at({ quality: 66, quality_class: 'uncertain' })).toMatchObject({ q: 'uncertain', value: 118.04 })
  })

  it('grows older with the clock of the page and turns stale', () => {
    expect(at({ age_s: 2 }, HEARD_S + 10).ageS).toBe(12)
    expect(at({ age_s: 0 }, HEARD_S + LIMIT_S).q).toBe('good')
    expect(at({ age_s: 0 }, HEARD_S + LIMIT_S + 0.1).q).toBe('stale')
  })

  it('may be silent for as long as the hub says', () => {
    expect(read({ value: value({ age_s: 0 }), heardS: HEARD_S }, HEARD_S + 300, 308, false).q).toBe('good')
  })

  it('is stale at once when the link is lost or the edge marked it so, and keeps its last number', () => {
    expect(at({}, HEARD_S, true)).toMatchObject({ q: 'stale', value: 118.04 })
    expect(at({ quality: 67, quality_class: 'uncertain' }).q).toBe('stale')
  })

  it('never has a negative age, even when the hub\'s clock is behind', () => {
    expect(at({ age_s: -3 }).ageS).toBe(0)
  })
})

describe('a value worked out from others', () => {
  const good = (v: number, ageS = 1): Reading => ({ q: 'good', value: v, ageS, time: null, told: null, quality: 0 })

  it('is as bad as its worst part and as old as its oldest', () => {
    expect(sum([good(2, 1), { ...good(3, 9), q: 'uncertain' }])).toMatchObject({ q: 'uncertain', value: 5, ageS: 9 })
  })

  it('is no number when a part has none', () => {
    expect(sum([good(2), { ...good(0), q: 'bad', value: null }])).toMatchObject({ q: 'bad', value: null })
    expect(sum([])).toEqual(NOTHING)
  })

  it('is not divided by nearly nothing', () => {
    expect(ratio(good(100), good(0.2), 1)).toMatchObject({ q: 'missing', value: null })
    expect(ratio(good(100), good(20), 1).value).toBe(5)
    expect(combine([good(1)], () => Number.POSITIVE_INFINITY).value).toBeNull()
  })
})

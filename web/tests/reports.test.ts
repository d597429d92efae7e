import { describe, expect, it } from 'vitest'

import { addresses, lastWhole } from '@/lib/reports'

const at = (text: string): number => Date.parse(text)

describe('the last whole time on the site’s clock', () => {
  it('is yesterday there, not here', () => {
    expect(lastWhole('day', at('2026-03-29T23:30:00Z'), 'Europe/Berlin')).toBe('2026-03-29')
    expect(lastWhole('day', at('2026-03-29T21:30:00Z'), 'Europe/Berlin')).toBe('2026-03-28')
    expect(lastWhole('day', at('2026-01-01T01:00:00Z'), 'America/New_York')).toBe('2025-12-30')
  })

  it('is the week before by ISO 8601, over the end of a year', () => {
    expect(lastWhole('week', at('2027-01-06T12:00:00Z'), 'UTC')).toBe('2026-W53')
    expect(lastWhole('week', at('2026-01-05T12:00:00Z'), 'UTC')).toBe('2026-W01')
    expect(lastWhole('week', at('2026-11-22T12:00:00Z'), 'UTC')).toBe('2026-W46')
  })

  it('is the month and the year before', () => {
    expect(lastWhole('month', at('2026-01-31T12:00:00Z'), 'UTC')).toBe('2025-12')
    expect(lastWhole('month', at('2026-03-31T23:00:00Z'), 'Asia/Shanghai')).toBe('2026-03')
    expect(lastWhole('year', at('2026-12-31T20:00:00Z'), 'Asia/Shanghai')).toBe('2026')
  })
})

describe('addresses', () => {
  it('are parted by commas, semicolons, blanks and lines', () => {
    expect(addresses(' a@b.example, c@d.example;e@f.example\n')).toEqual(['a@b.example', 'c@d.example', 'e@f.example'])
    expect(addresses('  ')).toEqual([])
  })
})

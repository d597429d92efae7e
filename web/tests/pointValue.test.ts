import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { beforeAll, describe, expect, it } from 'vitest'

import PointValue from '@/components/PointValue.vue'
import { i18n, setLang } from '@/i18n'
import { NOTHING, type Reading } from '@/lib/reading'

beforeAll(() => setLang('en'))

const GOOD: Reading = { q: 'good', value: 118.04, ageS: 2.4, time: '2026-01-05T08:00:00Z', told: null, quality: 0 }
const show = (over: Partial<Reading>, props: Record<string, unknown> = {}): ReturnType<typeof mount> =>
  mount(PointValue, { props: { reading: { ...GOOD, ...over }, unit: 'kW', name: 'Power', ...props }, global: { plugins: [createPinia(), i18n] } })

describe('PointValue', () => {
  it('shows number and unit, and tells name, quality, source, age and time on hover', () => {
    const shown = show({})
    expect(shown.text()).toBe('118.0kW')
    expect(shown.attributes('data-q')).toBe('good')
    expect(shown.attributes('title')).toBe('Power · 118.0 kW · good · measured · 2 s ago · 2026-01-05 08:00:00')
  })

  it('shows the dash without a unit for a missing value, never 0', () => {
    const shown = mount(PointValue, { props: { reading: NOTHING, unit: 'kW', name: 'Power' }, global: { plugins: [createPinia(), i18n] } })
    expect(shown.text()).toBe('–')
    expect(shown.attributes('data-q')).toBe('missing')
  })

  it('says Bad in place of a number and names the quality code', () => {
    const shown = show({ q: 'bad', value: null, quality: 129 })
    expect(shown.text()).toBe('Bad')
    expect(shown.attributes('title')).toContain('quality code 129')
  })

  it('marks uncertain with a sign and stale with its age', () => {
    expect(show({ q: 'uncertain', quality: 66 }).find('.mark').text()).toBe('?')
    const stale = show({ q: 'stale', ageS: 185 })
    expect(stale.attributes('data-q')).toBe('stale')
    expect(stale.find('.mark').text()).toBe('3 min')
  })

  it('tells what the device said of the time where that is another one', () => {
    expect(show({ told: '2026-01-05T08:00:00Z' }).attributes('title')).not.toContain('device time stamp')
    expect(show({ told: '2026-01-05T06:30:00Z' }).attributes('title')).toContain('device time stamp 2026-01-05 06:30:00')
  })

  it('follows the language', async () => {
    await setLang('zh')
    expect(show({ q: 'bad', value: null }).text()).toBe('坏 Bad')
    expect(document.documentElement.lang).toBe('zh-CN')
    await setLang('en')
    expect(document.documentElement.lang).toBe('en')
  })

  it('has the same facts as SVG text', () => {
    const shown = show({ q: 'stale', ageS: 50 }, { svg: true, x: 3, y: 4 })
    expect(shown.element.tagName.toLowerCase()).toBe('text')
    expect(shown.attributes('data-q')).toBe('stale')
    expect(shown.find('title').text()).toContain('stale')
  })
})

import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { createPinia, setActivePinia } from 'pinia'

import type { Alarm } from '@/api/types'
import AlarmTable from '@/components/AlarmTable.vue'
import { i18n, setLang } from '@/i18n'
import { actsOf, hidden, mostUrgent, sorted, sounds, standing, unacked } from '@/lib/alarms'

function alarm(over: Partial<Alarm> = {}, priority = 2): Alarm {
  const text = (word: string): { en: string; zh: string } => ({ en: word, zh: `${word}中` })
  return {
    id: 'low', state: 'unack', occurrence: 1, raised: '2026-01-05T08:00:00Z', cleared: null, acked_by: '', finding: { value: 5, words: '', text: { en: '', zh: '' }, first_out: false }, hold: null, suppressed_by: '', comment: '',
    about: { label: text('Pressure low'), priority, source: 'rule', group: '', cause: text('cause'), consequence: text('consequence'), action: text('Start the other'), points: ['demo/comp1/pressure_bar_g'], behind: 0 }, ...over,
  }
}

describe('alarms', () => {
  it('stand with the most urgent first, and what is kept from sight apart', () => {
    const list = [alarm({ id: 'a', state: 'ack' }, 1), alarm({ id: 'b' }, 3), alarm({ id: 'c' }, 1), alarm({ id: 'd', state: 'shelved' }, 1), alarm({ id: 'e', state: 'rtn_unack' }, 1)]
    expect(sorted(list).map((one) => one.id)).toEqual(['c', 'b', 'e', 'a', 'd'])
    expect(standing(sorted(list)).map((one) => one.id)).toEqual(['c', 'b', 'e', 'a'])
    expect(hidden(list).map((one) => one.id)).toEqual(['d'])
    expect(mostUrgent(list).map((one) => one.id)).toEqual(['c'])
    expect(unacked(list)).toEqual({ 1: 2, 2: 0, 3: 1, 4: 0 })
  })

  it('sound once, when they are new and urgent', () => {
    expect(sounds(undefined, alarm())).toBe(true)
    expect(sounds(alarm(), alarm())).toBe(false)
    expect(sounds(alarm(), alarm({ occurrence: 2 }))).toBe(true)
    expect(sounds(undefined, alarm({}, 3))).toBe(false)
    expect(sounds(undefined, alarm({ state: 'shelved' }))).toBe(false)
  })

  it('offer the acts that fit their state', () => {
    expect(actsOf(alarm())).toContain('ack')
    expect(actsOf(alarm({ state: 'ack' }))).not.toContain('ack')
    expect(actsOf(alarm({ state: 'shelved' }))[0]).toBe('unshelve')
    expect(actsOf(alarm({ state: 'out_of_service' }))).toEqual(['in', 'comment'])
  })
})

describe('the table of alarms', () => {
  beforeEach(async () => {
    setActivePinia(createPinia())
    await setLang('en')
  })
  const show = (alarms: Alarm[], may = true): ReturnType<typeof mount> => mount(AlarmTable, { props: { alarms, name: 'Alarms', may }, global: { plugins: [i18n] } })

  it('is worked by keys alone', async () => {
    const table = show([alarm()])
    const row = table.find('tr[data-alarm="low"]')
    await row.trigger('keydown', { key: 'Enter' })
    expect(table.find('[data-more="low"]').text()).toContain('consequence')
    await row.trigger('keydown', { key: 'a' })
    await row.trigger('keydown', { key: 's' })
    expect(table.emitted('act')?.map((call) => (call as unknown[])[0])).toEqual(['ack', 'shelve'])
  })

  it('shows text of a site as text, and no acts to who only looks', () => {
    const evil = '<img src=x onerror=alert(1)>'
    const table = show([alarm({ about: { ...alarm().about, label: { en: evil, zh: evil } } })], false)
    expect(table.find('img').exists()).toBe(false)
    expect(table.text()).toContain(evil)
    expect(table.findAll('.acts button')).toHaveLength(0)
  })

  it('speaks Chinese', async () => {
    await setLang('zh')
    expect(show([alarm()]).text()).toContain('Start the other中')
    await setLang('en')
  })
})

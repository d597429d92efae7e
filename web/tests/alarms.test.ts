import { mount, RouterLinkStub } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { createPinia, setActivePinia } from 'pinia'

import type { Alarm } from '@/api/types'
import AlarmsHidden from '@/components/AlarmsHidden.vue'
import AlarmTable from '@/components/AlarmTable.vue'
import { i18n, setLang } from '@/i18n'
import { actsOf, byPriority, floodOf, grouped, hidden, inState, mostUrgent, sorted, sounds, standing, unacked } from '@/lib/alarms'
import { useAlarms } from '@/stores/alarms'

function alarm(over: Partial<Alarm> = {}, priority = 2): Alarm {
  const text = (word: string): { en: string; zh: string } => ({ en: word, zh: `${word}中` })
  return {
    id: 'low', state: 'unack', occurrence: 1, raised: '2026-01-05T08:00:00Z', cleared: null, acked_by: '', finding: { value: 5, words: '', text: { en: '', zh: '' }, first_out: false, due: null }, hold: null, suppressed_by: '', comment: '',
    about: { label: text('Pressure low'), priority, source: 'rule', group: '', cause: text('cause'), consequence: text('consequence'), action: text('Start the other'), points: ['demo/comp1/pressure_bar_g'], behind: 0, away: [] }, ...over,
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

describe('groups of alarms', () => {
  const at = (id: string, second: number, more: Partial<Alarm> = {}): Alarm => alarm({ id, raised: new Date(Date.UTC(2026, 0, 5, 8, 0, second)).toISOString(), ...more })
  const inGroup = (one: Alarm, group: string, firstOut = false): Alarm => ({ ...one, about: { ...one.about, group }, finding: { ...one.finding, first_out: firstOut } })
  const device = (id: string, second: number): Alarm => at(id, second, { about: { ...alarm().about, source: 'device' } })

  it('stand behind the first of them, whatever came after is more urgent', () => {
    const list = [inGroup(at('late', 9), 'air'), at('other', 5), inGroup(at('first', 3), 'air', true)]
    expect(grouped(list, false).map(({ first, rest }) => [first.id, rest.map((one) => one.id)])).toEqual([['first', ['late']], ['other', []]])
    expect(byPriority([alarm({}, 3), alarm({ state: 'ack' }, 1), alarm({}, 3)])).toEqual([{ priority: 1, count: 1, waits: false }, { priority: 3, count: 2, waits: true }])
  })

  it('stand by the oldest where none is marked any more', () => {
    expect(grouped([inGroup(at('b', 9), 'air'), inGroup(at('a', 3), 'air')], false)[0]?.first.id).toBe('a')
  })

  it('of one kind stand together in a flood alone', () => {
    const list = [device('d1', 1), device('d2', 2), at('rule', 3)]
    expect(grouped(list, false)).toHaveLength(3)
    expect(grouped(list, true).map(({ first, rest }) => [first.id, rest.length])).toEqual([['d1', 1], ['rule', 0]])
  })

  it('flood beyond ten within ten minutes', () => {
    const many = Array.from({ length: 11 }, (_, n) => device(`d${String(n)}`, n))
    const now = Date.parse('2026-01-05T08:05:00Z')
    expect([floodOf(many, now), floodOf(many.slice(1), now), floodOf(many, now + 600_000)]).toEqual([11, 0, 0])
  })
})

describe('the table of alarms', () => {
  beforeEach(async () => {
    setActivePinia(createPinia())
    await setLang('en')
  })
  const show = (alarms: Alarm[], may = true): ReturnType<typeof mount> => mount(AlarmTable, { props: { alarms, name: 'Alarms', may }, global: { plugins: [i18n], stubs: { RouterLink: RouterLinkStub } } })

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

  it('opens and folds what stands behind the first, and shows how urgent that is', async () => {
    const rest = [alarm({ id: 'b' }, 1), alarm({ id: 'c' }, 3)]
    const table = mount(AlarmTable, { props: { alarms: [alarm()], name: 'Alarms', may: true, folds: new Map([['low', { rest, open: false }]]) }, global: { plugins: [i18n] } })
    const fold = table.get('[data-fold="low"] button')
    expect([fold.attributes('aria-expanded'), fold.text()]).toEqual(['false', expect.stringContaining('2 more')])
    expect(fold.findAll('.sign').map((sign) => sign.attributes('data-priority'))).toEqual(['1', '3'])
    await fold.trigger('click')
    expect(table.emitted('fold')).toEqual([['low']])
    await table.setProps({ alarms: [alarm(), ...rest], folds: new Map([['low', { rest, open: true }]]) })
    expect(table.findAll('tr.behind').map((row) => row.attributes('data-alarm'))).toEqual(['b', 'c'])
  })

  it('counts an early warning down, and says when the limit was to come', () => {
    const warning = (due: number): Alarm => alarm({ finding: { ...alarm().finding, text: { en: 'limit reached in 12 min', zh: '' }, due: new Date(due).toISOString() } })
    const soon = show([warning(Date.now() + 500_000)])
    expect(soon.get('[data-mark="early"]').text()).toBe('early warning')
    expect(soon.text()).toContain('limit reached in 8 min')
    expect(show([warning(Date.now() - 60_000)]).text()).toContain('limit was to be reached at')
  })

  it('tells what is away with a box, and what it explains', async () => {
    const box = alarm({ id: 'edge:edge1', about: { ...alarm().about, source: 'edge', behind: 7, away: ['comp1', 'comp2'], points: [] } })
    const quiet = alarm({ id: 'stale', state: 'suppressed', suppressed_by: 'edge:edge1' })
    useAlarms().take([box, quiet])
    const table = show([box, quiet])
    await table.get('tr[data-alarm="edge:edge1"]').trigger('keydown', { key: 'Enter' })
    expect(table.findAll('[data-away]').map((one) => one.attributes('data-away'))).toEqual(['comp1', 'comp2'])
    expect(table.find('[data-explained="stale"]').exists()).toBe(true)
    expect(table.get('tr[data-alarm="stale"] .state').text()).toContain('because of Pressure low')
  })

  it('speaks Chinese', async () => {
    await setLang('zh')
    expect(show([alarm()]).text()).toContain('Start the other中')
    await setLang('en')
  })
})

describe('what is kept from the operator', () => {
  const held = (id: string, leftS: number | null): Alarm => alarm({ id, state: leftS === null ? 'out_of_service' : 'shelved', hold: { by: 'anna', reason: 'works', until: leftS === null ? null : new Date(Date.now() + leftS * 1000).toISOString() } })

  it('stands in a list for each way, the shelf that ends first on top, with the time left', async () => {
    setActivePinia(createPinia())
    await setLang('en')
    const list = [held('out', null), held('late', 7000), held('soon', 3000), alarm({ id: 'under', state: 'suppressed', suppressed_by: 'design' })]
    expect(inState(list, 'shelved').map((one) => one.id)).toEqual(['soon', 'late'])
    const shown = mount(AlarmsHidden, { props: { alarms: list, may: true }, global: { plugins: [i18n] } })
    expect(shown.findAll('[data-list]').map((one) => one.attributes('data-list'))).toEqual(['shelved', 'out_of_service', 'suppressed'])
    expect(shown.get('tr[data-alarm="soon"]').text()).toMatch(/anna: works · until .* · 49 min left/)
    expect(shown.get('tr[data-alarm="out"]').text()).not.toContain('left')
  })
})

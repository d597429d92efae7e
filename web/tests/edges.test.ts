import { mount } from '@vue/test-utils'
import { createPinia } from 'pinia'
import { beforeAll, describe, expect, it } from 'vitest'

import type { Edge, Wanted } from '@/api/types'
import EdgeCard from '@/components/EdgeCard.vue'
import { i18n, setLang } from '@/i18n'
import { agreement, clockOff, isUndone } from '@/lib/edgeState'

beforeAll(() => setLang('en'))

function wanted(version: number, over: Partial<Wanted> = {}): Wanted {
  const time = '2026-01-05T08:00:00Z'
  return { version, made: time, actor: 'A. Smith', note: '', state: 'accepted', changed: time, why: 'none', text: null, detail: '', words: { en: '', zh: '' }, ...over }
}

function edge(over: Partial<Edge> = {}): Edge {
  const reported = { version: 1, trial: null, digest: 'ab12', edited: [], heard: '2026-01-05T08:00:00Z' }
  return { id: 'edge1', link: 'up', clock_ahead_s: 0.1, second_agent: false, troubles: [], reported, wanted: [wanted(1)], ...over }
}

const UNDONE = wanted(2, {
  state: 'rolled_back', why: 'worse', detail: 'meter1: 3 of 10 polls in time', words: { en: 'meter1: 3 of 10 polls in time', zh: 'meter1:10 次轮询中 3 次按时' },
  text: { en: 'Polling got worse in the trial.', zh: '试运行期间采集变差。' },
})
const show = (one: Edge): ReturnType<typeof mount> => mount(EdgeCard, { props: { edge: one }, global: { plugins: [createPinia(), i18n] } })

describe('the newest wish and the report', () => {
  it('agree, are open, or part', () => {
    expect(agreement(edge({ wanted: [] }))).toBe('none')
    expect(agreement(edge())).toBe('agrees')
    expect(agreement(edge({ wanted: [wanted(2, { state: 'trying' }), wanted(1)] }))).toBe('open')
    expect(agreement(edge({ wanted: [UNDONE, wanted(1)] }))).toBe('undone')
    expect(agreement(edge({ reported: null, wanted: [wanted(1, { state: 'wanted' })] }))).toBe('open')
    expect([UNDONE, wanted(1)].map(isUndone)).toEqual([true, false])
  })
})

describe('EdgeCard', () => {
  it('shows what runs, what was rolled back, and why', () => {
    const shown = show(edge({ wanted: [UNDONE, wanted(1)] }))
    expect(shown.find('.card').attributes('data-agreement')).toBe('undone')
    expect(shown.text()).toContain('version 1')
    const row = shown.find("tr[data-state='rolled_back']")
    expect(row.text()).toContain('Polling got worse in the trial.')
    expect(row.text()).toContain('meter1: 3 of 10 polls in time')
    expect(shown.find("tr[data-state='accepted']").text()).toContain('in force')
  })

  it('names the files that were edited at the box', () => {
    const reported = { version: 0, trial: 2, digest: 'ab12', edited: ['devices/meter.yaml'], heard: '2026-01-05T08:00:00Z' }
    const shown = show(edge({ reported, wanted: [wanted(2, { state: 'trying' })] }))
    expect(shown.find('.edited').text()).toContain('devices/meter.yaml')
    expect(shown.text()).toContain('the files put on the box')
    expect(shown.text()).toContain('may still be rolled back')
  })

  it('says that a second box with this id is about', async () => {
    expect(show(edge()).find('.second').exists()).toBe(false)
    expect(show(edge({ second_agent: true })).find('.second').text()).toContain('It only reads')
    await setLang('zh')
    expect(show(edge({ second_agent: true })).find('.second').text()).toContain('只读取')
    await setLang('en')
  })

  it('says what a person should see to at the box', async () => {
    const troubles = [{ edge: 'edge1', code: 'bus_refuses', text: { en: 'Nothing is lost yet.', zh: '尚未丢失。' }, detail: 'stream full', words: { en: 'stream full', zh: '流已满' } }]
    expect(show(edge({ troubles })).find('[data-trouble]').text()).toContain('Nothing is lost yet.')
    await setLang('zh')
    expect(show(edge({ troubles })).find('[data-trouble]').text()).toContain('尚未丢失。 流已满')
    await setLang('en')
  })

  it('says how far the clock of the box is off, and is silent where it is right', async () => {
    expect(show(edge()).find('.clock').text()).toBe("as the hub's")
    const dead = show(edge({ clock_ahead_s: -1_577_847_600 })).find('.clock')
    expect(dead.attributes('data-clock')).toBe('behind')
    expect(dead.text()).toContain("18262 days behind the hub's")
    await setLang('zh')
    expect(show(edge({ clock_ahead_s: 3600.4 })).find('.clock').text()).toContain('比中心端快 60.0 分钟')
    await setLang('en')
    expect(clockOff(-2.5)).toEqual({ way: 'behind', amount: '2.5', unit: 's' })
    expect(show(edge({ clock_ahead_s: null, reported: null })).find('.clock').exists()).toBe(false)
  })

  it('says so when an edge was never heard and nothing was wanted', () => {
    const shown = show(edge({ link: 'down', reported: null, wanted: [] }))
    expect(shown.text()).toContain('never heard')
    expect(shown.find('table').exists()).toBe(false)
  })

  it('speaks Chinese', async () => {
    await setLang('zh')
    expect(show(edge({ wanted: [UNDONE] })).text()).toContain('试运行期间采集变差。')
    await setLang('en')
  })
})

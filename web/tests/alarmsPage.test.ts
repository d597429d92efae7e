import { config, flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Alarm, AlarmAct } from '@/api/types'
import AlarmsHidden from '@/components/AlarmsHidden.vue'
import { i18n, setLang } from '@/i18n'
import AlarmsPage from '@/pages/AlarmsPage.vue'
import { useAlarms } from '@/stores/alarms'

const shelved: Alarm = {
  id: 'low', state: 'shelved', occurrence: 1, raised: '2026-01-05T08:00:00Z', cleared: null, acked_by: '', finding: { value: 5, words: '', text: { en: '', zh: '' }, first_out: false, due: null }, hold: null, suppressed_by: '', comment: '',
  about: { label: { en: 'Low', zh: '低' }, priority: 2, source: 'rule', group: '', cause: { en: '', zh: '' }, consequence: { en: '', zh: '' }, action: { en: '', zh: '' }, points: [], behind: 0, away: [] },
}
const text = { en: 'it is not shelved', zh: '该报警未被搁置' }
const act: AlarmAct = { id: 'a1', kind: 'unshelve', alarm: 'low', actor: 'admin', state: 'refused', why: text.en, text }
const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
let placed: () => Response

beforeEach(async () => {
  config.global.renderStubDefaultSlot = true
  await setLang('zh')
  setActivePinia(createPinia())
  vi.stubGlobal('fetch', (request: Request) => {
    if (request.method === 'POST') return Promise.resolve(placed())
    return Promise.resolve(request.url.includes('/acts/') ? json(200, act) : json(200, { watched: null, up: true, alarms: [shelved] }))
  })
  useAlarms().open('demo')
  await flushPromises()
})
afterEach(async () => {
  config.global.renderStubDefaultSlot = false
  vi.unstubAllGlobals()
  await setLang('en')
})

async function page(): Promise<ReturnType<typeof mount>> {
  const shown = mount(AlarmsPage, { props: { site: 'demo' }, shallow: true, global: { plugins: [i18n] } })
  shown.getComponent(AlarmsHidden).vm.$emit('act', 'unshelve', shelved)
  await flushPromises()
  return shown
}

describe('what is refused on the alarm page', () => {
  it('is told in the language of the page where the hub takes no act', async () => {
    placed = () => json(409, { detail: 'the alarm is not shelved', code: 'state', text: { en: 'no', zh: '不行' } })
    const shown = await page()
    expect(shown.get('[role=alert]').text()).toContain('不行')
    shown.unmount()
  })

  it('is told in the language of the page where the watch did not do it', async () => {
    placed = () => json(202, [act])
    const shown = await page()
    await vi.waitUntil(() => shown.get('.said').text().includes(text.zh), { timeout: 10_000 })
    expect(shown.get('.said').text()).not.toContain(text.en)
    shown.unmount()
  })
})

/** What pages of energy, reports, people and alarms say where there is nothing, nothing yet, only a part, something old, a refusal, no right. */
import { config, flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'

import type { AccountStatement, Site, SiteReport } from '@/api/types'
import EnergyClosed from '@/components/EnergyClosed.vue'
import PeopleTable from '@/components/PeopleTable.vue'
import ReportSchedules from '@/components/ReportSchedules.vue'
import { i18n, setLang } from '@/i18n'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh.json'
import AlarmsPage from '@/pages/AlarmsPage.vue'
import EnergyPage from '@/pages/EnergyPage.vue'
import PeoplePage from '@/pages/PeoplePage.vue'
import ReportsPage from '@/pages/ReportsPage.vue'
import { useAlarms } from '@/stores/alarms'
import { usePlant } from '@/stores/plant'
import { useSession } from '@/stores/session'

const text = { en: 'the store is away', zh: '时序库不可用' }
const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } })
const away = (): Response => json(503, { detail: text.en, code: 'store', text })
const never = (): Promise<Response> => new Promise(() => undefined)
const site: Site = { id: 'demo', label: { en: 'Demo', zh: '演示' }, time_zone: 'Europe/Berlin', currency: 'EUR', mode: 'auto' }

/** Answers by the end of the path; what is not named is not asked. */
let answers: Record<string, () => Response | Promise<Response>> = {}

const statement: AccountStatement = {
  period: { name: '2026-10', kind: 'month', first: '2026-10-01', last: '2026-10-31', until: '2026-11-01T00:00:00Z', over: false }, by: ['area'], currency: 'EUR',
  accounts: [], media: [], emissions: [], coal: [], products: [], chp: [], notes: [],
  meters: [{ meter: 'main', label: { en: 'Main', zh: '总表' }, point: 'meter_main/import_kwh', unit: 'kWh', amount: 5, across_gaps: 0, new_meters: 0, complete_pct: 97.24 }],
}
const report: SiteReport = {
  id: 'r1', kind: 'energy', title: { en: 'Energy', zh: '能源' }, period: '2026-10', language: 'en', asked_by: 'anna', asked: '2026-11-01T00:00:00Z', schedule: null, files: [], mail: null,
  progress: { state: 'done', step: '', progress_frac: 1, stalled: false, done: '2026-11-01T00:01:00Z', completeness_pct: 97.2, incomplete: true, digest: '', error: null },
}
const rights = (...names: string[]): void => {
  useSession().rights = names
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  config.global.renderStubDefaultSlot = true
  await setLang('en')
  setActivePinia(createPinia())
  const plant = usePlant()
  plant.sites = [site]
  plant.siteId = 'demo'
  plant.ready = true
  vi.stubGlobal('fetch', (request: Request) => {
    const path = new URL(request.url).pathname
    const found = Object.entries(answers).find(([end]) => path.endsWith(end))
    return Promise.resolve(found === undefined ? json(200, []) : found[1]())
  })
})
afterEach(async () => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  config.global.renderStubDefaultSlot = false
  answers = {}
  await setLang('en')
})

/** The page with its parts left out, but those that are named. */
async function shown(page: Component, ...whole: string[]): Promise<VueWrapper> {
  const router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:rest(.*)*', component: { render: () => null } }] })
  await router.push('/sites/demo/energy?period=2026-10&by=area')
  const made = mount(page, { props: { site: 'demo' }, shallow: true, global: { plugins: [i18n, router], stubs: Object.fromEntries(whole.map((name) => [name, false])) } })
  await flushPromises()
  return made
}

describe('energy', () => {
  const book = (): Response => json(200, { book: true, contract: null, by_tariff: true, currency: 'EUR' })

  it('is loading, then says that there is no book and what to do', async () => {
    answers = { '/accounts': never }
    const page = await shown(EnergyPage)
    expect(page.get('[role=status]').text()).toBe(en.loading)
    page.unmount()
    answers = { '/accounts': () => json(200, { book: false, contract: null, by_tariff: false, currency: 'EUR' }) }
    const empty = await shown(EnergyPage)
    expect(empty.get('[data-testid=empty]').text()).toContain('accounts.yaml')
    empty.unmount()
  })

  it('says in the language of the page why there is nothing, and asks again', async () => {
    await setLang('zh')
    answers = { '/accounts': away }
    const page = await shown(EnergyPage)
    expect(page.get('[role=alert]').text()).toContain(text.zh)
    answers = { '/statement': () => json(200, statement), '/accounts': book }
    await page.get('[role=alert] button').trigger('click')
    await flushPromises()
    expect(page.find('[role=alert]').exists()).toBe(false)
    expect(page.find('[data-testid=span]').exists()).toBe(true)
    page.unmount()
  })

  it('says how much is known, and keeps old figures with their age where new ones are refused', async () => {
    answers = { '/statement': () => json(200, statement), '/accounts': book }
    const page = await shown(EnergyPage)
    expect(page.get('[data-testid=partial]').text()).toContain('97.2 %')
    answers = { '/statement': away, '/accounts': book }
    await vi.advanceTimersByTimeAsync(300_000)
    await flushPromises()
    const told = page.get('[role=alert]').text()
    expect(told).toContain(text.en)
    expect(told).toContain(en.energy.old.split('{at}')[0])
    expect(page.find('[data-testid=span]').exists()).toBe(true)
    page.unmount()
  })

  it('says who closes periods to who may not', () => {
    const props = { versions: [], refused: '' }
    const looks = mount(EnergyClosed, { props: { ...props, may: false }, global: { plugins: [i18n] } })
    expect(looks.get('[data-testid=no-right]').text()).toBe(en.energy.closing.noRight)
    expect(mount(EnergyClosed, { props: { ...props, may: true }, global: { plugins: [i18n] } }).find('[data-testid=no-right]').exists()).toBe(false)
  })
})

describe('reports', () => {
  it('are loading, then none, and say who has them made', async () => {
    answers = { '/reports': never }
    const page = await shown(ReportsPage)
    expect(page.get('[role=status]').text()).toBe(en.loading)
    page.unmount()
    answers = { '/reports': () => json(200, []) }
    const empty = await shown(ReportsPage)
    expect(empty.get('[data-testid=none]').text()).toBe(en.reports.noneHere)
    expect(empty.get('[data-testid=no-right]').text()).toBe(en.reports.noRight)
    empty.unmount()
    rights('manage')
    const mine = await shown(ReportsPage)
    expect(mine.get('[data-testid=none]').text()).toBe(en.reports.none)
    expect(mine.find('[data-testid=no-right]').exists()).toBe(false)
    mine.unmount()
  })

  it('that lack data say so, and stay in sight with their age where the hub refuses', async () => {
    answers = { '/reports': () => json(200, [report]) }
    const page = await shown(ReportsPage, 'ReportTable')
    expect(page.get('tr[data-report]').text()).toContain(en.reports.incomplete)
    answers = { '/reports': away }
    await vi.advanceTimersByTimeAsync(30_000)
    await flushPromises()
    expect(page.get('[role=alert]').text()).toContain(text.en)
    expect(page.get('[role=alert]').text()).toContain(en.reports.old.split('{at}')[0])
    expect(page.find('tr[data-report]').exists()).toBe(true)
    page.unmount()
  })

  it('made by themselves say why they cannot be told', async () => {
    await setLang('zh')
    answers = { '/report-schedules': away }
    const list = mount(ReportSchedules, { props: { site: 'demo', turn: 0 }, global: { plugins: [i18n] } })
    await flushPromises()
    expect(list.get('[role=alert]').text()).toContain(text.zh)
    answers = { '/report-schedules': () => json(200, []) }
    await list.get('[role=alert] button').trigger('click')
    await flushPromises()
    expect(list.get('[data-testid=no-schedule]').text()).toBe(zh.reports.noSchedule)
  })
})

describe('people', () => {
  it('are shown to an administrator; others are told who says what they may', async () => {
    const page = await shown(PeoplePage)
    expect(page.get('[data-testid=no-right]').text()).toBe(en.people.noRight)
    page.unmount()
    rights('administer')
    const all = await shown(PeoplePage)
    expect(all.find('[data-testid=no-right]').exists()).toBe(false)
    all.unmount()
  })

  it('are loading, then there; where the hub refuses they stay in sight', async () => {
    answers = { '/people': never }
    const list = mount(PeopleTable, { props: { site: 'demo' }, global: { plugins: [i18n] } })
    await flushPromises()
    expect(list.get('[role=status]').text()).toBe(en.loading)
    const person = { name: 'olga', role: 'operator', everywhere: '', factor: false, provider: '', password: true, sessions: 0 }
    answers = { '/people': () => json(200, [person]) }
    await list.setProps({ site: 'other' })
    await flushPromises()
    answers = { '/role': () => new Response(null, { status: 204 }), '/people': away }
    await list.get('[data-person=olga] select').setValue('viewer')
    await flushPromises()
    expect(list.get('[role=alert]').text()).toContain(text.en)
    expect(list.get('[data-testid=old]').text()).toContain(en.people.known.split('{at}')[0])
    expect(list.find('[data-person=olga]').exists()).toBe(true)
  })
})

describe('alarms', () => {
  const alarms = (up: boolean): Response => json(200, { watched: '2026-11-22T08:00:00Z', up, alarms: [] })

  it('are loading, then none, and say who acts', async () => {
    const page = await shown(AlarmsPage)
    expect(page.text()).toContain(en.loading)
    expect(page.text()).toContain(en.alarms.noRight)
    answers = { '/alarms': () => alarms(true) }
    useAlarms().open('demo')
    await flushPromises()
    expect(page.get('[data-testid=alarms-none]').text()).toContain(en.alarms.none)
    page.unmount()
  })

  it('are unknown where nobody watches, and never an empty list', async () => {
    answers = { '/alarms': () => alarms(false) }
    useAlarms().open('demo')
    await flushPromises()
    const page = await shown(AlarmsPage)
    expect(page.get('[data-testid=alarms-unknown]').text()).toContain('2026-11-22 09:00:00')
    expect(page.find('[data-testid=alarms-none]').exists()).toBe(false)
    page.unmount()
  })
})

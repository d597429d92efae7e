import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

import { Problem } from '@/api/problem'
import type { ConfigChecked, ConfigOfEdge, ConfigState as State, ConfigVersion } from '@/api/types'
import ConfigDiff from '@/components/ConfigDiff.vue'
import ConfigImport from '@/components/ConfigImport.vue'
import ConfigState from '@/components/ConfigState.vue'
import ConfigVerdict from '@/components/ConfigVerdict.vue'
import ConfigVersions from '@/components/ConfigVersions.vue'
import { i18n, setLang } from '@/i18n'
import { diffRows } from '@/lib/configDiff'
import { placeOf, readChosen } from '@/lib/configFiles'
import { arrival } from '@/lib/configState'

const DIFF = '--- a/sites/demo/site.yaml\n+++ b/sites/demo/site.yaml\n@@ -3,4 +3,4 @@\n time_zone: Europe/Berlin\n-mode: auto\n+mode: advice\n edges: [edge1]\n'.trimEnd()
const plugins = [createPinia(), i18n]

beforeAll(() => setLang('en'))
beforeEach(() => setActivePinia(createPinia()))
afterEach(() => vi.unstubAllGlobals())

function edge(over: Partial<ConfigOfEdge> = {}): ConfigOfEdge {
  return { edge: 'edge1', link: 'up', same: true, reported: 3, trial: null, edited: [], heard: '2026-01-05T08:00:00Z', wanted: 3, state: 'accepted', detail: '', words: { en: '', zh: '' }, ...over }
}
function version(number: number, over: Partial<ConfigVersion> = {}): ConfigVersion {
  return { version: number, made: '2026-01-05T08:00:00Z', actor: 'admin', note: 'a name', digest: 'ab', back_to: null, used: true, ...over }
}
function checked(over: Partial<ConfigChecked> = {}): ConfigChecked {
  return { base: 4, acceptable: true, faults: [], changes: [{ path: 'sites/demo/site.yaml', kind: 'changed', text: DIFF }], effects: [], rows: 0, bad_rows: 0, ...over }
}
/** The hub's answers in turn, as the network would bring them. */
function hub(...answers: [number, unknown][]): { asked: Request[] } {
  const asked: Request[] = []
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request)
    const [status, body] = answers[Math.min(asked.length, answers.length) - 1] ?? [500, {}]
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } }))
  })
  return { asked }
}
async function choose(shown: VueWrapper, name: string, file: File): Promise<void> {
  const input = shown.find(`input[name=${name}]`)
  Object.defineProperty(input.element, 'files', { value: [file], configurable: true })
  await input.trigger('change')
  await flushPromises()
}

describe('a diff', () => {
  it('is rows with the numbers of both sides', () => {
    expect(diffRows(DIFF)).toEqual([
      { kind: 'gap', before: null, after: null, text: '' },
      { kind: 'same', before: 3, after: 3, text: 'time_zone: Europe/Berlin' },
      { kind: 'removed', before: 4, after: null, text: 'mode: auto' },
      { kind: 'added', before: null, after: 4, text: 'mode: advice' },
      { kind: 'same', before: 5, after: 5, text: 'edges: [edge1]' },
    ])
    expect(diffRows('')).toEqual([])
  })

  it('keeps a line that looks like a head, and begins a new file at line 1', () => {
    expect(diffRows('@@ -0,0 +1,2 @@\n+--- a\n++b').map((row) => [row.kind, row.after, row.text])).toEqual([['added', 1, '--- a'], ['added', 2, '+b']])
  })

  it('says so where nothing differs, and where it is too long', () => {
    expect(mount(ConfigDiff, { props: { changes: [] }, global: { plugins } }).text()).toContain('Nothing differs')
    const shown = mount(ConfigDiff, { props: { changes: [{ path: 'devices/a.yaml', kind: 'added', text: '' }] }, global: { plugins } })
    expect(shown.text()).toContain('Too long to show here')
  })
})

describe('a chosen file', () => {
  it('belongs where its folders say, else to the one file of its name', () => {
    const known = ['sites/demo/site.yaml', 'tariffs/demo.yaml', 'emissions/demo.yaml']
    expect(placeOf('configs/sites/demo/edge1.yaml', known)).toBe('sites/demo/edge1.yaml')
    expect(placeOf('/home/me/devices/x.yaml', known)).toBe('devices/x.yaml')
    expect(placeOf('site.yaml', known)).toBe('sites/demo/site.yaml')
    expect(placeOf('demo.yaml', known)).toBe('demo.yaml')
    expect(placeOf('sites', known)).toBe('sites')
  })

  it('is left out where it cannot be a configuration', async () => {
    const chosen = await readChosen([new File(['a: 1'], 'a.yaml'), new File(['x'], 'a.png'), new File(['x'.repeat(4_000_001)], 'b.yaml')], [])
    expect(chosen).toEqual([{ name: 'a.yaml', path: 'a.yaml', text: 'a: 1' }])
  })
})

describe('an edge', () => {
  it('has arrived, is open, drifts, was edited, undid it, or was never heard', () => {
    expect(arrival(edge())).toBe('same')
    expect(arrival(edge({ same: false, state: 'trying' }))).toBe('open')
    expect(arrival(edge({ same: false, state: 'accepted' }))).toBe('drift')
    expect(arrival(edge({ same: false, wanted: null, state: null }))).toBe('drift')
    expect(arrival(edge({ edited: ['devices/a.yaml'] }))).toBe('edited')
    expect(arrival(edge({ same: false, state: 'rolled_back' }))).toBe('undone')
    expect(arrival(edge({ same: null }))).toBe('never')
  })
})

describe('ConfigState', () => {
  const state: State = {
    version: 4,
    roles: [{ role: 'api', instance: 'h:1', version: 4, fault: null }, { role: 'dispatch', instance: 'h:2', version: 3, fault: 'version 4 cannot be used' }, { role: 'ingest', instance: 'h:3', version: 3, fault: null }],
    edges: [edge({ same: false, detail: 'meter1: worse', words: { en: 'meter1: worse', zh: 'meter1:变差' }, state: 'rolled_back' }), edge({ edge: 'edge2', same: null, reported: null, heard: null, wanted: null, state: null })],
  }
  it('tells each process and each box, with why one lags', async () => {
    const shown = mount(ConfigState, { props: { state }, global: { plugins } })
    expect(shown.find("[data-role='api']").text()).toContain('up to date')
    expect(shown.find("[data-role='dispatch']").text()).toContain('version 4 cannot be used')
    expect(shown.find("[data-role='ingest']").text()).toContain('within seconds')
    expect(shown.find("[data-edge='edge1']").text()).toContain('did not take what was sent')
    expect(shown.find("[data-edge='edge1']").text()).toContain('meter1: worse')
    expect(shown.find("[data-edge='edge2']").attributes('data-arrival')).toBe('never')
    await setLang('zh')
    expect(mount(ConfigState, { props: { state }, global: { plugins } }).text()).toContain('未采用下发的内容')
    await setLang('en')
  })
})

describe('ConfigVersions', () => {
  it('has no version yet, and offers the way back to who may write alone', () => {
    const none = mount(ConfigVersions, { props: { site: 'demo', versions: [], mayWrite: true }, global: { plugins } })
    expect(none.text()).toContain('No version yet')
    const versions = [version(2, { back_to: 1 }), version(1)]
    const shown = mount(ConfigVersions, { props: { site: 'demo', versions, mayWrite: true }, global: { plugins } })
    expect(shown.find("[data-version='2']").text()).toContain('in force')
    expect(shown.find("[data-version='2'] .back").exists()).toBe(false)
    expect(shown.find("[data-version='1'] .back").exists()).toBe(true)
    expect(mount(ConfigVersions, { props: { site: 'demo', versions, mayWrite: false }, global: { plugins } }).find('.back').exists()).toBe(false)
  })

  it('shows what a version changed, loading and refused included', async () => {
    hub([200, [{ path: 'sites/demo/site.yaml', kind: 'changed', text: DIFF }]], [503, { detail: 'the store cannot answer now' }])
    const shown = mount(ConfigVersions, { props: { site: 'demo', versions: [version(2), version(1)], mayWrite: false }, global: { plugins } })
    await shown.find("[data-version='2'] .changes").trigger('click')
    expect(shown.text()).toContain('Loading')
    await flushPromises()
    expect(shown.find("tr[data-kind='added']").text()).toContain('mode: advice')
    await shown.find("[data-version='1'] .changes").trigger('click')
    await flushPromises()
    expect(shown.find('[role=alert]').text()).toContain('the store cannot answer now')
  })
})

describe('ConfigVerdict', () => {
  it('lists every fault with its place, and tells what a person has to do', () => {
    const faults = [{ file: 'meters.csv', line: 43, field: 'connection.port', text: { en: 'found 70000', zh: '现为 70000' } }, { file: null, line: null, field: null, text: { en: 'too much', zh: '过多' } }]
    const bad = mount(ConfigVerdict, { props: { faults, changes: [], effects: [], acceptable: false }, global: { plugins } })
    expect(bad.findAll('.faults tbody tr').map((row) => row.text())).toEqual(['meters.csv43connection.portfound 70000', '–––too much'])
    const effects = [{ when: 'person' as const, code: 'edge:edge1', text: { en: 'Send it.', zh: '请下发。' } }]
    expect(mount(ConfigVerdict, { props: { faults: [], changes: [], effects, acceptable: true }, global: { plugins } }).find("[data-when='person']").text()).toContain('Send it.')
  })
})

describe('ConfigImport', () => {
  const props = { site: 'demo', known: ['sites/demo/site.yaml'], lists: { device: ['edge1'], point: ['hexa_pm4'] } }

  it('checks first, then accepts on the version that was looked at, with a reason', async () => {
    const { asked } = hub([200, checked()], [201, { version: version(5), fresh: true, effects: [], rows: 0, faults: [] }])
    const shown = mount(ConfigImport, { props, global: { plugins } })
    expect(shown.find('.look').attributes('disabled')).toBeDefined()
    await choose(shown, 'files', new File(['mode: advice'], 'site.yaml'))
    await shown.find('.look').trigger('click')
    await flushPromises()
    expect(shown.find('.verdict').attributes('data-acceptable')).toBe('true')
    expect(shown.find('.accept').attributes('disabled')).toBeDefined()
    await shown.find('input[name=reason]').setValue('quieter')
    await shown.find('.accept').trigger('click')
    await flushPromises()
    expect(asked[1]?.headers.get('If-Match')).toBe('"4"')
    expect(await asked[1]?.clone().json()).toEqual({ files: [{ path: 'sites/demo/site.yaml', text: 'mode: advice' }], whole: false, reason: 'quieter' })
    expect(shown.find('.done').text()).toContain('Version 5 is in force')
    expect(shown.emitted('done')).toHaveLength(1)
  })

  it('shows all faults of a refusal, and forgets them with the next choice', async () => {
    const faults = [{ file: 'sites/demo/site.yaml', line: 2, field: 'mode', text: { en: 'found loud', zh: '现为 loud' } }]
    hub([200, checked({ acceptable: false, faults, changes: [] })])
    const shown = mount(ConfigImport, { props, global: { plugins } })
    await choose(shown, 'files', new File(['mode: loud'], 'site.yaml'))
    await shown.find('.look').trigger('click')
    await flushPromises()
    expect(shown.find('.faults').text()).toContain('found loud')
    expect(shown.find('.accept').exists()).toBe(false)
    await choose(shown, 'files', new File(['mode: auto'], 'site.yaml'))
    expect(shown.find('.faults').exists()).toBe(false)
  })

  it('sends a table with the list it is for', async () => {
    const { asked } = hub([200, checked({ rows: 2, bad_rows: 1 })])
    const shown = mount(ConfigImport, { props, global: { plugins } })
    await shown.find('select[name=what]').setValue('device')
    await choose(shown, 'table', new File(['id\na\n'], 'm.csv'))
    await shown.find('input[name=take_good]').setValue(true)
    await shown.find('.look').trigger('click')
    await flushPromises()
    expect(asked[0]?.url).toContain('/configuration/rows/check')
    expect(await asked[0]?.clone().json()).toEqual({ of: 'device', name: 'edge1', file: 'm.csv', text: 'id\na\n', take_good: true, reason: '' })
    expect(shown.text()).toContain('2 rows, 1 of them with a fault')
  })

  it("says the hub's own sentence where another version is in force by now", async () => {
    hub([200, checked()], [412, { detail: 'version 5 is in force' }])
    const shown = mount(ConfigImport, { props, global: { plugins } })
    await choose(shown, 'files', new File(['mode: advice'], 'site.yaml'))
    await shown.find('.look').trigger('click')
    await flushPromises()
    await shown.find('input[name=reason]').setValue('quieter')
    await shown.find('.accept').trigger('click')
    await flushPromises()
    expect(shown.find('[role=alert]').text()).toContain('version 5 is in force')
    expect(shown.emitted('done')).toBeUndefined()
  })
})

describe('a refusal', () => {
  it('carries the faults of a configuration', () => {
    const faults = [{ file: 'a.yaml', line: 1, field: null, text: { en: 'x', zh: 'x' } }]
    expect(Problem.from(422, { detail: 'it has faults', faults }).faults).toEqual(faults)
    expect(Problem.from(422, { detail: 'no' }).faults).toEqual([])
  })
})

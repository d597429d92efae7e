import { flushPromises, mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'

import { Problem } from '@/api/problem'
import type { Samples, System } from '@/api/types'
import TraceTable from '@/components/TraceTable.vue'
import { useAsk } from '@/components/useAsk'
import { i18n, setLang } from '@/i18n'
import { backupLate, clockLate, diskFree, diskLow, flowLate, sealLate } from '@/lib/health'
import { usePlant } from '@/stores/plant'
import { point } from './make'

beforeAll(() => setLang('en'))
beforeEach(() => {
  setActivePinia(createPinia())
})
afterEach(() => {
  vi.unstubAllGlobals()
})

describe('a question to the hub', () => {
  it('drops an answer that was overtaken', async () => {
    const asked = ref(1)
    const open: ((value: number) => void)[] = []
    const scope = effectScope()
    const { data, busy } = scope.run(() => useAsk(() => new Promise<number>((resolve) => open.push(resolve)), [asked])) ?? expect.fail()
    asked.value = 2
    await nextTick()
    open[1]?.(22)
    await flushPromises()
    open[0]?.(11)
    await flushPromises()
    expect([data.value, busy.value]).toEqual([22, false])
    scope.stop()
  })

  it('that is refused leaves the answer before and says why', async () => {
    const asked = ref('well')
    const scope = effectScope()
    const { data, refused } = scope.run(() => useAsk(() => (asked.value === 'well' ? Promise.resolve(7) : Promise.reject(new Problem(503, 'the store cannot be read'))), [asked])) ?? expect.fail()
    await flushPromises()
    asked.value = 'ill'
    await flushPromises()
    expect([data.value, refused.value]).toEqual([7, 'the store cannot be read'])
    asked.value = 'well'
    await flushPromises()
    expect(refused.value).toBe('')
    scope.stop()
  })
})

describe('the samples behind a window', () => {
  const START = Date.parse('2026-01-05T08:00:00Z')
  const answer: Samples = {
    point: 'demo/chiller1/supply_c', unit: '°C', times: ['2026-01-05T07:59:00Z', '2026-01-05T08:00:30.250Z'], values: [7, 55], qualities: [0, 0], marks: [0, 133], source_times: [null, '2026-01-05T08:00:30.250Z'],
    next_from: null, trace: { sources: [{ edge: 'edge1', journal: 'j1' }], source: [0, 0], seqs: [41, 42], polled: ['2026-01-05T07:59:00Z', '2026-01-05T08:00:31Z'], exact: [true, false] },
  }

  it('show value, quality and mark side by side, and the row each came in', async () => {
    const asked: URL[] = []
    vi.stubGlobal('fetch', (request: Request) => {
      asked.push(new URL(request.url))
      return Promise.resolve(new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } }))
    })
    usePlant().siteId = 'demo'
    const shown = mount(TraceTable, { props: { point: point('chiller1', 'supply_c', '°C'), name: 'Supply', fromMs: START, toMs: START + 60_000 }, global: { plugins: [i18n] } })
    await flushPromises()
    expect(asked[0]?.searchParams.get('trace')).toBe('true')
    expect(asked[0]?.searchParams.get('from')).toBe('2026-01-05T07:45:00.000Z')
    const rows = shown.findAll('tbody tr').map((row) => row.findAll('td').map((cell) => cell.text()))
    expect(rows[0]?.[0]).toContain('(held from before)')
    expect(rows[1]?.slice(1, 4)).toEqual(['55.0 °C', 'good 0', '× out of range'])
    expect(rows[1]?.slice(5, 8)).toEqual(['edge1', 'j1', 'about 42'])
    expect(rows[1]?.[0]).toContain('08:00:30.250')
    shown.unmount()
  })

  it('say so when there are none, and when the hub refuses', async () => {
    let status = 200
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(status === 200 ? { ...answer, times: [], trace: null } : { detail: 'the store is away' }), { status, headers: { 'Content-Type': 'application/json' } })))
    usePlant().siteId = 'demo'
    const props = { point: point('chiller1', 'supply_c', '°C'), name: 'Supply', fromMs: START, toMs: START + 60_000 }
    const shown = mount(TraceTable, { props, global: { plugins: [i18n] } })
    await flushPromises()
    expect(shown.find('[role=status]').text()).toContain('No sample')
    status = 503
    await shown.setProps({ fromMs: START + 1 })
    await flushPromises()
    expect(shown.find('[role=alert]').text()).toContain('the store is away')
    shown.unmount()
  })
})

describe('how the system is', () => {
  const system: System = {
    time: '2026-01-05T08:00:00Z', edges: [], sealing: { waits_since: '2026-01-05T07:50:00Z', waits_s: 600, damaged_files: 0 }, waiting_messages: 0, bus_bytes: 1, stores: [],
    disk_free_bytes: 50, disk_bytes: 100, backup: '2026-01-04T08:00:00Z', processes: [],
  }
  const edge: System['edges'][number] = { edge: 'edge1', link: 'up', newest: null, lag_s: 2, backlog_rows: 3, hold_s: 864_000, clock_ahead_s: -0.2 }

  it('is sound where each figure is as it should be', () => {
    expect([sealLate(system), backupLate(system), diskLow(system), flowLate(edge), clockLate(edge)]).toEqual([false, false, false, false, false])
  })

  it('needs a look where one is not', () => {
    expect(sealLate({ ...system, sealing: { waits_since: null, waits_s: 7200, damaged_files: 0 } })).toBe(true)
    expect(sealLate({ ...system, sealing: { waits_since: null, waits_s: null, damaged_files: 1 } })).toBe(true)
    expect(backupLate({ ...system, backup: null })).toBe(true)
    expect(diskLow({ ...system, disk_free_bytes: 5 })).toBe(true)
    expect(diskFree({ ...system, disk_bytes: null })).toBeNull()
    expect([flowLate({ ...edge, link: 'down' }), flowLate({ ...edge, lag_s: null }), flowLate({ ...edge, backlog_rows: 5000 }), clockLate({ ...edge, clock_ahead_s: 5 })]).toEqual([true, true, true, true])
  })
})

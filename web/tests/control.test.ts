import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NInput } from 'naive-ui'

import type { NewOrder, Order } from '@/api/types'
import ActDialog from '@/components/ActDialog.vue'
import SetDialog from '@/components/SetDialog.vue'
import SetpointTable from '@/components/SetpointTable.vue'
import StopBanner from '@/components/StopBanner.vue'
import { i18n, setLang } from '@/i18n'
import { useControl } from '@/stores/control'
import { useLive } from '@/stores/live'
import { usePlant } from '@/stores/plant'
import { useSession } from '@/stores/session'

import { command, device, held, order, point, setpoint } from './make'

const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' } })
let asked: NewOrder[]
let answer: (ask: NewOrder, number: number) => Response
let shown: VueWrapper[]

beforeEach(async () => {
  await setLang('en')
  setActivePinia(createPinia())
  asked = []
  shown = []
  answer = (ask, number) => json(202, order({ id: `o${String(number)}`, kind: ask.kind, target: ask.target }))
  vi.stubGlobal('fetch', async (request: Request) => {
    if (request.method !== 'POST') return json(404, { detail: 'no such path' })
    const ask = (await request.json()) as NewOrder
    asked.push(ask)
    return answer(ask, asked.length)
  })
  usePlant().devices = [device('comp4', 'compressor'), device('pv1', 'pv')]
  usePlant().points = [{ ...point('comp4', 'pressure_set_bar_g', 'bar(g)', 'setpoint'), label: { en: 'Pressure wanted', zh: '压力设定' } }]
  usePlant().siteId = 'demo'
  Object.assign(useSession(), { username: 'admin', role: 'operator', rights: ['command'] })
  useControl().open('demo')
})
afterEach(() => {
  shown.forEach((one) => {
    one.unmount()
  })
  vi.unstubAllGlobals()
})

function show(component: Parameters<typeof mount>[0], props: Record<string, unknown> = {}): VueWrapper {
  const one = mount(component, { props, global: { plugins: [i18n] }, attachTo: document.body }) as VueWrapper
  shown.push(one)
  return one
}
async function type(at: VueWrapper, name: string, text: string): Promise<void> {
  const field = at.findAllComponents(NInput).find((one) => one.find(`input[name=${name}]`).exists())
  await field?.find('input').setValue(text)
}
async function click(at: VueWrapper, selector: string, detail = 1): Promise<void> {
  at.find(selector).element.dispatchEvent(new MouseEvent('click', { bubbles: true, detail }))
  await flushPromises()
}
/** What the live socket would bring. */
async function becomes(id: string, over: Partial<Order>): Promise<void> {
  const before = useControl().orders.get(id)
  useControl().takeOrder({ ...(before ?? order({ id })), ...over })
  await flushPromises()
}

async function checked(over = {}): Promise<VueWrapper> {
  const dialog = show(SetDialog, { setpoint: setpoint(over), now: 7 })
  await type(dialog, 'value', '6,6')
  await type(dialog, 'reason', 'test')
  await click(dialog, '.check')
  await becomes('o1', { state: 'received' })
  return dialog
}

describe('setting a value', () => {
  it('is checked by the edge first, then confirmed, then followed to its read-back', async () => {
    const dialog = await checked()
    expect(asked).toEqual([{ kind: 'test', target: 'demo/comp4/pressure_set_bar_g', value: 6.6, unit: 'bar(g)', expect: 7, for_s: 900, reason: 'test' }])
    expect(dialog.find('dialog').attributes('data-step')).toBe('confirm')
    expect(dialog.find('.change').text()).toBe('7.00 bar(g) → 6.60 bar(g)')
    await click(dialog, '.send')
    expect(asked[1]).toEqual({ ...asked[0], kind: 'set' })
    await becomes('o2', { state: 'written', text: { en: 'Written to the device.', zh: '已写入设备。' } })
    expect(dialog.findAll('li').map((one) => one.attributes('data-is'))).toEqual(['done', 'done', 'done', 'now'])
    await becomes('o2', { state: 'verified', readback: 6.6, readback_time: '2026-01-05T08:00:02Z' })
    expect(dialog.find('.track').attributes('data-order')).toBe('verified')
    expect(dialog.text()).toContain('Read back 6.60 bar(g)')
  })

  it('asks for nothing while the form is not whole, and Enter sends nothing', async () => {
    const dialog = show(SetDialog, { setpoint: setpoint(), now: 7 })
    const button = (): boolean => dialog.find('.check').attributes('disabled') !== undefined
    expect(button()).toBe(true)
    await type(dialog, 'value', '8')
    await type(dialog, 'reason', 'test')
    expect(button()).toBe(true)
    expect(dialog.find('.fault').text()).toBe('Too high; the limits are 6.30 … 7.50 bar(g).')
    await type(dialog, 'value', '6.6')
    expect(button()).toBe(false)
    await type(dialog, 'reason', '  ')
    expect(button()).toBe(true)
    await dialog.find('input[name=value]').trigger('keydown', { key: 'Enter' })
    await dialog.find('input[name=value]').trigger('keyup', { key: 'Enter' })
    expect(asked).toEqual([])
  })

  it('the second click of a double click neither checks nor sends', async () => {
    const dialog = await checked()
    await click(dialog, '.send', 2)
    expect(asked).toHaveLength(1)
    await click(dialog, '.send')
    expect(dialog.find('.send').exists()).toBe(false)
    expect(asked.map((one) => one.kind)).toEqual(['test', 'set'])
  })

  it('a refusal of the edge is told in the language of the person, and the form stays', async () => {
    await setLang('zh')
    const dialog = show(SetDialog, { setpoint: setpoint(), now: 7 })
    await type(dialog, 'value', '6.6')
    await type(dialog, 'reason', '试验')
    await click(dialog, '.check')
    await becomes('o1', { state: 'refused', code: 'expect', text: { en: 'The point no longer has the value.', zh: '此点的值已不是发送方所预期的。' } })
    expect(dialog.find('dialog').attributes('data-step')).toBe('form')
    expect(dialog.text()).toContain('此点的值已不是发送方所预期的。')
    await type(dialog, 'value', '6.7')
    expect(dialog.find('.track').exists()).toBe(false)
  })

  it('a refusal of the hub is told in its own words, a hub that is away in ours', async () => {
    const dialog = await checked()
    answer = () => json(429, { status: 429, detail: 'too many orders at once; wait 3 s', code: 'quota', text: { en: 'too many orders at once; wait 3 s', zh: '短时间内操作过多' } })
    await click(dialog, '.send')
    expect(dialog.text()).toContain('too many orders at once; wait 3 s')
    await setLang('zh')
    expect(dialog.text()).toContain('短时间内操作过多')
    await setLang('en')
    await click(dialog, '.back')
    answer = () => {
      throw new TypeError('Failed to fetch')
    }
    await click(dialog, '.check')
    expect(dialog.text()).toContain('The hub does not answer.')
  })

  it('of a critical point is selected, then carried out with the password of a second person', async () => {
    const dialog = await checked({ two_step: true, two_persons: true })
    await click(dialog, '.send')
    expect(asked[1]?.kind).toBe('select')
    expect(dialog.find('.operate').exists()).toBe(false)
    await becomes('o2', { kind: 'select', state: 'received' })
    expect(dialog.find('.done').text()).toBe('Close')
    expect(dialog.find('.operate-now').attributes('disabled')).toBeDefined()
    await type(dialog, 'person', 'second')
    await type(dialog, 'again', 'secret')
    await click(dialog, '.operate-now')
    expect(asked[2]).toEqual({ kind: 'operate', target: 'demo/comp4/pressure_set_bar_g', of: 'o2', password: 'secret', reason: '', confirm: 'second' })
    await becomes('o3', { kind: 'operate', state: 'ended', code: 'done' })
    await becomes('o2', { state: 'verified', readback: 6.6, readback_time: '2026-01-05T08:00:02Z' })
    expect(dialog.findAll('.track')[0]?.attributes('data-order')).toBe('verified')
    expect(dialog.text()).not.toContain('secret')
  })

  it('of a code is chosen by its word', () => {
    const codes = { unit: 'code', low: 0, high: 1, label: { en: 'Permit (0 no, 1 yes, 2 own)', zh: '允许(0 否、1 是、2 自行)' } }
    const dialog = show(SetDialog, { setpoint: setpoint(codes), now: 1 })
    expect(dialog.findAll('select[name=value] option').map((one) => one.text())).toEqual(['choose', '0 · no', '1 · yes'])
  })
})

describe('acts', () => {
  it('stop everything after a reason, by one confirmed click', async () => {
    const dialog = show(ActDialog, { kind: 'stop', scopes: ['all', 'demo/comp4'] })
    await click(dialog, '.act')
    expect(asked).toEqual([])
    await type(dialog, 'reason', 'smoke')
    await click(dialog, '.act', 2)
    expect(asked).toEqual([])
    await click(dialog, '.act')
    expect(asked).toEqual([{ kind: 'stop', target: 'all', reason: 'smoke' }])
    await becomes('o1', { kind: 'stop', state: 'verified' })
    expect(dialog.find('.done').exists()).toBe(true)
  })

  it('release a stop in two steps, the second with a name', async () => {
    const dialog = show(ActDialog, { kind: 'resume', scopes: ['all'] })
    await type(dialog, 'reason', 'safe again')
    expect(dialog.find('.act').attributes('disabled')).toBeDefined()
    await type(dialog, 'again', 'secret')
    await click(dialog, '.act')
    const first = { kind: 'resume', target: 'all', reason: 'safe again', password: 'secret' }
    expect(asked).toEqual([first])
    await becomes('o1', { kind: 'resume', state: 'verified' })
    expect(dialog.text()).toContain('machines may start by themselves')
    await click(dialog, '.act')
    expect(asked[1]).toEqual({ ...first, confirm: 'admin' })
    await becomes('o2', { kind: 'resume', state: 'refused', code: 'selection', text: { en: 'The first step is too long ago.', zh: '第一步已过时。' } })
    expect(dialog.text()).toContain('The first step is too long ago.')
    await click(dialog, '.again')
    expect(dialog.find('dialog').attributes('data-step')).toBe('form')
  })

  it('say of a lock-out that it is no isolation', () => {
    expect(show(ActDialog, { kind: 'lock_out', scopes: ['demo/comp4'] }).text()).toContain('This is not isolation')
  })
})

describe('the table of set-points', () => {
  function fill(): void {
    const control = useControl()
    control.setpoints = [setpoint(), setpoint({ id: 'demo/pv1/limit_set_frac', device: 'pv1', settable: false, why_not: { en: 'The edge is silent.', zh: '网关无应答。' } })]
    control.known = true
    control.takeHolders([{ ...held({ rung: 'operator', actor: 'J. Doe', why: 'test of the header', value: 6.6 }), point: 'demo/comp4/pressure_set_bar_g' }, { ...held({ rung: 'locked_out', actor: 'J. Doe', why: 'out of service: new inverter (J. Doe)', why_text: { en: 'new inverter', zh: 'new inverter' }, age_s: 90 }), point: 'demo/pv1/limit_set_frac' }])
  }

  it('names holder, person, reason, limits, and why a point cannot be set', async () => {
    fill()
    const table = show(SetpointTable)
    const row = table.find("tr[data-point='demo/comp4/pressure_set_bar_g']")
    expect(row.find('.by').text()).toContain('Operator · J. Doe')
    expect(row.find('.by').text()).toContain('test of the header')
    expect(row.find('.limits').text()).toBe('6.30 … 7.50 bar(g)')
    expect(row.find('.set').exists()).toBe(true)
    const locked = table.find("tbody[data-device='pv1']")
    expect(locked.text()).toContain('Out of service by J. Doe: new inverter. This is not isolation.')
    expect(locked.text()).toContain('The edge is silent.')
    expect(locked.find('.set').exists()).toBe(false)
    expect(locked.find('tr.old').text()).toContain('last known; its edge is silent')
    await table.find('input[type=search]').setValue('inverter')
    expect(table.findAll('tr[data-point]')).toHaveLength(1)
    await setLang('zh')
    expect(table.text()).toContain('已由 J. Doe 停用：new inverter。这不是隔离。')
  })

  it("says a plan's reason in the reader's language", async () => {
    fill()
    const why_text = { en: 'Screw 1 was free, is tripped', zh: '螺杆机1 由可用变为故障停机' }
    useControl().takeHolders([{ ...held({ rung: 'optimiser', actor: 'dispatch', why: 'comp1 was free, is tripped', why_text }), point: 'demo/comp4/pressure_set_bar_g' }])
    const holder = show(SetpointTable).find("tr[data-point='demo/comp4/pressure_set_bar_g'] .by")
    expect(holder.text()).toContain(why_text.en)
    await setLang('zh')
    expect(holder.text()).toContain(why_text.zh)
  })

  it('offers nothing to who may only look', () => {
    fill()
    Object.assign(useSession(), { role: 'viewer', rights: [] })
    const table = show(SetpointTable)
    expect(table.text()).toContain('needs the role operator')
    expect(table.findAll('.set, .release, .lock')).toEqual([])
  })

  it('keeps the set-point that runs although a question was asked about its point', () => {
    fill()
    const live = useLive()
    const time = new Date().toISOString()
    const lease_until = new Date(Date.now() + 10_000).toISOString()
    live.commands = [command({ id: 'q', point: 'demo/comp4/pressure_set_bar_g', state: 'released', time, lease_until }), command({ id: 'c', point: 'demo/comp4/pressure_set_bar_g', time, lease_until })]
    expect(live.running()).toEqual([])
    useControl().takeOrder(order({ kind: 'test', commands: ['q'] }))
    expect(live.running().map((one) => one.id)).toEqual(['c'])
    useControl().takeOrder(order({ kind: 'operate', commands: ['q'] }))
    expect(live.running().map((one) => one.id)).toEqual(['c'])
    useControl().takeOrder(order({ kind: 'release', commands: ['q'] }))
    expect(live.running()).toEqual([])
  })
})

describe('the banner of a stop', () => {
  it('stands with scope, person, reason and time, and offers the release', async () => {
    useControl().setpoints = [setpoint()]
    const banner = show(StopBanner)
    expect(banner.find('.stopped').exists()).toBe(false)
    useControl().takeOrder(order({ kind: 'stop', target: 'demo/comp4', reason: 'smoke', state: 'verified' }))
    useControl().takeHolders([{ ...held({ rung: 'stopped', actor: 'admin', why: 'automatic control is stopped: smoke (admin)', why_text: { en: 'smoke', zh: 'smoke' } }), point: 'demo/comp4/pressure_set_bar_g' }])
    await flushPromises()
    expect(banner.find('.stopped').text()).toContain('Automatic control is stopped: comp4. By admin: smoke.Since 2026-01-05 08:00:00.')
    await click(banner, '.resume')
    expect(banner.find("dialog[data-act='resume']").exists()).toBe(true)
  })
})

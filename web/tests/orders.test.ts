import { describe, expect, it } from 'vitest'

import { auditCsv, hasWords } from '@/lib/auditCsv'
import { endOfMs, newestValue, wantedOf } from '@/lib/facts'
import { latchOf, stops } from '@/lib/holding'
import { accepted, covers, isSettled, overridesIn, reached, scopesOf, stagesOf, succeeded, typedNumber, typedValue, valueFault } from '@/lib/orders'
import { NOTHING } from '@/lib/reading'

import { command, entry, held, order, setpoint } from './make'

describe('a value that is typed', () => {
  it('takes point and comma, and nothing that is no number', () => {
    expect(['6.6', ' 6,6 ', '-120', '−5', '.5', '7.'].map(typedNumber)).toEqual([6.6, 6.6, -120, -5, 0.5, 7])
    expect(['', 'x', '1e3', '6.6 bar', '1,000.5', '--1', 'Infinity'].map(typedNumber)).toEqual([null, null, null, null, null, null, null])
  })

  it('of a ratio is typed in per cent', () => {
    expect(typedValue('70', '1')).toBeCloseTo(0.7)
    expect(typedValue('70', 'kW')).toBe(70)
  })

  it('is judged before anybody is asked; the limits themselves are inside', () => {
    const limits = { low: 6.3, high: 7.5 }
    expect([6.29, 6.3, 7.5, 7.51, null, Number.NaN].map((value) => valueFault(value, limits))).toEqual(['low', null, null, 'high', 'number', 'number'])
  })
})

describe('the way of an order', () => {
  it('of a value is done only when it is verified', () => {
    const states = (['asked', 'sent', 'received', 'written', 'verified'] as const).map((state) => succeeded(order({ state })))
    expect(states).toEqual([null, null, null, null, true])
    expect(succeeded(order({ state: 'ended', code: 'released' }))).toBe(false)
    expect(succeeded(order({ state: 'refused', code: 'limits' }))).toBe(false)
    expect(stagesOf('set').map((stage) => reached(order({ state: 'written' }), stage))).toEqual([true, true, true, false])
    expect(stagesOf('set').map((stage) => reached(order({ state: 'refused' }), stage))).toEqual([true, false, false, false])
  })

  it('of a question has its answer with the first receipt, of an act with its end', () => {
    expect(accepted(order({ kind: 'test', state: 'sent' }))).toBeNull()
    expect(accepted(order({ kind: 'test', state: 'received' }))).toBe(true)
    expect(accepted(order({ kind: 'test', state: 'ended', code: 'done' }))).toBe(true)
    expect(accepted(order({ kind: 'test', state: 'refused', code: 'limits' }))).toBe(false)
    expect(accepted(order({ kind: 'test', state: 'ended', code: 'expired' }))).toBe(false)
    expect(accepted(order({ kind: 'select', state: 'ended', code: 'expired' }))).toBe(false)
    expect(isSettled(order({ kind: 'stop', state: 'verified' }))).toBe(true)
  })

  it('an override is the newest value that has not ended', () => {
    const open = order({ id: 'b', state: 'verified', asked: '2026-01-05T09:00:00Z' })
    const all = [order({ id: 'a', state: 'ended' }), order({ id: 'c', kind: 'test', state: 'received' }), open, order({ id: 'd', target: 'demo/pv1/limit_set_frac', state: 'verified' })]
    const older = order({ id: 'e', state: 'verified', asked: '2026-01-05T07:00:00Z' })
    expect(overridesIn([...all, older]).get('demo/comp4/pressure_set_bar_g')).toBe(open)
    expect(overridesIn(all).get('demo/comp1/role_set_code')).toBeUndefined()
  })
})

describe('the scope of an act', () => {
  const points = [setpoint({ zone: 'air' }), setpoint({ id: 'demo/pv1/limit_set_frac', device: 'pv1' })]
  it('is everything, a zone or a machine, the widest first', () => {
    expect(scopesOf(points)).toEqual(['all', 'zone:air', 'demo/comp4', 'demo/pv1'])
    expect(scopesOf([])).toEqual([])
  })

  it('covers what lies in it', () => {
    const inside = (scope: string): boolean[] => points.map((point) => covers(scope, point))
    expect(inside('all')).toEqual([true, true])
    expect(inside('site:demo')).toEqual([true, true])
    expect(inside('zone:air')).toEqual([true, false])
    expect(inside('demo/pv1')).toEqual([false, true])
    expect(inside('demo/comp4/pressure_set_bar_g')).toEqual([true, false])
  })
})

describe('the stops that stand', () => {
  const points = [setpoint(), setpoint({ id: 'demo/pv1/limit_set_frac', device: 'pv1' })]
  const stopped = held({ rung: 'stopped', actor: 'admin', why: 'automatic control is stopped: smoke (in hall 2) (admin)', value: null })
  const stop = order({ id: 's', kind: 'stop', target: 'all', value: null, reason: 'smoke (in hall 2)', state: 'verified' })

  it('are one for all points they hold, with the scope and the time of the order', () => {
    const found = stops(points, () => stopped, [stop])
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ scope: 'all', who: 'admin', why: 'smoke (in hall 2)', since: stop.asked, hardwired: false })
    expect(found[0]?.points).toHaveLength(2)
  })

  it('are shown by the word of the edge where no order tells of them', () => {
    expect(stops(points, () => stopped, [])[0]).toMatchObject({ scope: null, since: null })
    const safety = held({ rung: 'stopped', actor: 'hardwired', why: 'automatic control is stopped: the safety of comp4 acts (hardwired)', why_text: { en: 'the safety of Screw 4 acts', zh: '螺杆机4 的安全装置动作' } })
    expect(stops(points.slice(0, 1), () => safety, [])[0]).toMatchObject({ scope: 'demo/comp4', hardwired: true, why: 'the safety of comp4 acts', text: { zh: '螺杆机4 的安全装置动作' } })
  })

  it('do not vanish behind a lock-out, and are gone after both steps of the release', () => {
    const locked = (): ReturnType<typeof held> => held({ rung: 'locked_out' })
    const step = (id: string): ReturnType<typeof order> => order({ id, kind: 'resume', target: 'all', state: 'verified', asked: '2026-01-05T09:00:00Z' })
    expect(stops(points, locked, [stop]).map((one) => one.scope)).toEqual(['all'])
    expect(stops(points, locked, [stop, step('1')])).toHaveLength(1)
    expect(stops(points, locked, [stop, step('1'), step('2')])).toEqual([])
    expect(stops(points, () => held({ rung: 'optimiser' }), [stop])).toEqual([])
  })
})

describe('the reason of a holder', () => {
  it('of a latch is the reason and the name of the person', () => {
    expect(latchOf(held({ rung: 'locked_out', why: 'out of service: new belt (J. Doe)' }))).toEqual({ why: 'new belt', who: 'J. Doe' })
    expect(latchOf(held({ rung: 'operator', actor: 'admin', why: 'test' }))).toEqual({ why: 'test', who: 'admin' })
  })
})

describe('until when a point is held', () => {
  const known = { held: held({ until_s: 30 }), heardMs: 1000, command: undefined, override: undefined }
  it('is the own end of an override, else the lease, else what the edge said', () => {
    const override = order({ until: '2026-01-05T08:15:00Z' })
    const running = command({ level: 'operator', lease_until: '2026-01-05T08:00:10Z' })
    expect(endOfMs({ ...known, held: held({ rung: 'operator' }), command: running, override })).toBe(Date.parse('2026-01-05T08:15:00Z'))
    expect(endOfMs({ ...known, held: held({ rung: 'operator' }), command: running })).toBe(Date.parse('2026-01-05T08:00:10Z'))
    expect(endOfMs({ ...known, command: running })).toBe(31_000)
    expect(endOfMs({ ...known, held: held() })).toBeNull()
  })

  it('and the value before is the youngest that is known', () => {
    const reading = { ...NOTHING, q: 'good', value: 7, time: '2026-01-05T08:00:00Z' } as const
    const back = (readback_time: string): ReturnType<typeof command> => command({ readback: 6.6, readback_time })
    expect(newestValue(reading, back('2026-01-05T08:00:01Z'))).toBe(6.6)
    expect(newestValue(reading, back('2026-01-05T07:59:59Z'))).toBe(7)
    expect(newestValue({ ...reading, q: 'stale' }, undefined)).toBeNull()
    expect(wantedOf(undefined, command({ value: 5 }))).toBe(5)
    expect(wantedOf(held({ value: null }), command({ value: 5 }))).toBeNull()
  })
})

describe('the audit as a table', () => {
  it('has one line an entry, oldest first, and no formula', () => {
    const text = auditCsv([entry({ number: 2, reason: '=1+1' }), entry({ reason: 'say "no", please', new: '-6.6 kW' })])
    const lines = text.split('\r\n')
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^number,time,actor/)
    expect(lines[1]).toContain('"say ""no"", please"')
    expect(lines[1]).toContain(",'-6.6 kW,")
    expect(lines[2]).toMatch(/^2,.*,'=1\+1,/)
  })

  it('is searched by words in any order', () => {
    expect(hasWords(['Compressor 4', 'admin'], 'ADMIN comp')).toBe(true)
    expect(hasWords(['Compressor 4'], 'chiller')).toBe(false)
    expect(hasWords(['x'], '')).toBe(true)
  })
})

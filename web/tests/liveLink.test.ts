import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { LiveMessage } from '@/api/types'
import { BAD_TOKEN, LiveLink, SILENCE_MS, type LinkSocket, type LinkState } from '@/lib/liveLink'

/** A socket whose other end is the test. */
class Wire implements LinkSocket {
  onopen: LinkSocket['onopen'] = null
  onmessage: LinkSocket['onmessage'] = null
  onclose: LinkSocket['onclose'] = null
  sent: string[] = []
  closed = false

  send(text: string): void {
    this.sent.push(text)
  }

  close(): void {
    this.closed = true
  }

  accept(): void {
    this.onopen?.(new Event('open'))
  }

  say(message: unknown): void {
    this.onmessage?.(new MessageEvent('message', { data: typeof message === 'string' ? message : JSON.stringify(message) }))
  }

  hangUp(code: number): void {
    this.onclose?.(Object.assign(new Event('close'), { code }) as CloseEvent)
  }
}

const VALUES: LiveMessage = { type: 'values', values: [] }
let wires: Wire[]
let asked: boolean[]
let heard: LiveMessage[]
let states: LinkState[]
let whole: boolean[]
let token: (renew: boolean) => Promise<string | null>
let link: LiveLink

beforeEach(() => {
  vi.useFakeTimers()
  wires = []
  asked = []
  heard = []
  states = []
  whole = []
  token = (renew) => Promise.resolve(renew ? 'fresh' : 'first')
  link = new LiveLink({
    site: 'demo',
    open: () => {
      const wire = new Wire()
      wires.push(wire)
      return wire
    },
    token: (renew) => {
      asked.push(renew)
      return token(renew)
    },
    onMessage: (message) => heard.push(message),
    onState: (state, told) => {
      states.push(state)
      whole.push(told)
    },
  })
})
afterEach(() => {
  link.stop()
  vi.useRealTimers()
})

const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

async function goLive(): Promise<Wire> {
  link.start()
  await settle()
  const wire = wires.at(-1) as Wire
  wire.accept()
  wire.say(VALUES)
  return wire
}

describe('the live link', () => {
  it('signs in with its first message and is live with the first answer', async () => {
    const wire = await goLive()
    expect(JSON.parse(wire.sent[0] ?? '')).toEqual({ type: 'auth', token: 'first', site: 'demo', kinds: null, resume: null })
    expect(states).toEqual(['live'])
    expect(heard).toEqual([VALUES])
  })

  it('goes on where it was, and says whether that is the whole story', async () => {
    const wire = await goLive()
    wire.say({ type: 'status', place: { run: 'r', seq: 7 } })
    wire.hangUp(1006)
    await settle(500)
    wires[1]?.accept()
    expect(JSON.parse(wires[1]?.sent[0] ?? '')).toMatchObject({ resume: { run: 'r', seq: 7 } })
    wires[1]?.say({ type: 'resumed', whole: true })
    expect([states.at(-1), whole.at(-1)]).toEqual(['live', true])
    wires[1]?.hangUp(1006)
    await settle(1000)
    wires[2]?.accept()
    wires[2]?.say({ type: 'resumed', whole: false })
    expect([states.at(-1), whole.at(-1)]).toEqual(['live', false])
    expect(heard.map((message) => message.type)).toEqual(['values', 'status'])
  })

  it('wants what the page shows: at once where it is signed in, else with its first message', async () => {
    link.show(['alarms'])
    const wire = await goLive()
    expect(JSON.parse(wire.sent[0] ?? '')).toMatchObject({ kinds: ['alarms'] })
    link.show(['alarms'])
    expect(wire.sent).toHaveLength(1)
    link.show(null)
    expect(JSON.parse(wire.sent[1] ?? '')).toEqual({ type: 'subscribe', kinds: null })
  })

  it('is lost when the hub falls silent, within the five seconds of the banner', async () => {
    const wire = await goLive()
    await settle(SILENCE_MS - 1)
    expect(link.state).toBe('live')
    await settle(1)
    expect(link.state).toBe('lost')
    expect(SILENCE_MS).toBeLessThan(5000)
    expect(wire.closed).toBe(true)
  })

  it('is lost even when the socket never opens', async () => {
    link.start()
    await settle(SILENCE_MS)
    expect(states).toEqual(['lost'])
  })

  it('comes back by itself after a close, and is live again', async () => {
    const wire = await goLive()
    wire.hangUp(1006)
    expect(link.state).toBe('lost')
    await settle(500)
    expect(wires).toHaveLength(2)
    wires[1]?.accept()
    wires[1]?.say(VALUES)
    expect(states).toEqual(['live', 'lost', 'live'])
    expect(asked).toEqual([false, false])
  })

  it('asks for a new token after the hub refused the old one', async () => {
    const wire = await goLive()
    wire.hangUp(BAD_TOKEN)
    await settle(500)
    expect(asked).toEqual([false, true])
    wires[1]?.accept()
    expect(JSON.parse(wires[1]?.sent[0] ?? '')).toMatchObject({ token: 'fresh' })
  })

  it('keeps trying when the hub cannot be asked for a token, with growing waits', async () => {
    token = () => Promise.reject(new Error('away'))
    link.start()
    await settle(60_000)
    expect(link.state).toBe('lost')
    expect(wires).toHaveLength(0)
    expect(asked.length).toBeGreaterThan(5)
    expect(asked.length).toBeLessThan(20)
  })

  it('ends when the session is over', async () => {
    token = () => Promise.resolve(null)
    link.start()
    await settle(30_000)
    expect(states).toEqual(['ended'])
    expect(asked).toHaveLength(1)
  })

  it('waits while paused and comes back when started again', async () => {
    const wire = await goLive()
    link.pause()
    await settle(60_000)
    expect(wires).toHaveLength(1)
    expect(wire.closed).toBe(true)
    await goLive()
    expect(states).toEqual(['live', 'paused', 'connecting', 'live'])
  })

  it('passes over what it does not know', async () => {
    const wire = await goLive()
    wire.say({ type: 'tomorrow' })
    wire.say('no json')
    wire.say('null')
    expect(heard).toHaveLength(1)
    expect(link.state).toBe('live')
  })

  it('drops a token that arrives after it was stopped', async () => {
    let give: (token: string) => void = () => undefined
    token = () => new Promise((resolve) => (give = resolve))
    link.start()
    link.stop()
    give('late')
    await settle()
    expect(wires).toHaveLength(0)
  })
})

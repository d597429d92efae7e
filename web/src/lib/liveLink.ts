/**
 * The live socket of one site: opens, signs in with its first message, watches for silence, comes back by itself.
 *
 * It holds no plant data; what arrives goes to `onMessage`. All effects come from outside, so that a test can drive it.
 */
import type { LiveMessage, LiveNews, Place } from '@/api/types'

/** connecting: never live yet · live: messages arrive · lost: was live or failed, trying again · paused: page hidden · ended: no session. */
export type LinkState = 'connecting' | 'live' | 'lost' | 'paused' | 'ended'

/** The hub sends values about each second; this long without any message is a lost link (the banner's limit is 5 s). */
export const SILENCE_MS = 4000
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000] as const
/** Close code of the hub for a token it does not accept. */
export const BAD_TOKEN = 4401

export interface LinkSocket {
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send: (text: string) => void
  close: () => void
}

export interface LinkParts {
  site: string
  open: () => LinkSocket
  /** A usable token (`renew`: even if the present one looks good), null when the session is over; rejects when the hub is away. */
  token: (renew: boolean) => Promise<string | null>
  onMessage: (message: LiveNews) => void
  /** `whole`: the hub tells all that happened while the link was away, nothing has to be read again. */
  onState: (state: LinkState, whole: boolean) => void
}

export class LiveLink {
  state: LinkState = 'connecting'
  private readonly parts: LinkParts
  private socket: LinkSocket | undefined
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private silenceTimer: ReturnType<typeof setTimeout> | undefined
  private attempt = 0
  private renewNext = false
  /** Steps with each start and stop, so that an answer to an older start is dropped. */
  private round = 0
  /** Where the hub's news were when they were heard last. */
  private place: Place | null = null
  /** Kinds of news this page wants; null: all. */
  private kinds: readonly string[] | null = null
  private whole = false
  /** Whether this socket has sent who it is. */
  private signed = false

  constructor(parts: LinkParts) {
    this.parts = parts
  }

  /** Connect now; also after `pause` or while waiting for the next attempt. */
  start(): void {
    this.drop()
    if (this.state === 'paused' || this.state === 'ended') this.enter('connecting')
    void this.connect(this.round)
  }

  /** Hear these kinds of news from now on (null: all); what is newly wanted is told at once. */
  show(kinds: readonly string[] | null): void {
    if (kinds?.join() === this.kinds?.join()) return
    this.kinds = kinds
    if (this.signed) this.socket?.send(JSON.stringify({ type: 'subscribe', kinds }))
  }

  /** Close because nobody looks at the page; `start` goes on. */
  pause(): void {
    this.drop()
    this.enter('paused')
  }

  /** Close for good. */
  stop(): void {
    this.drop()
    this.enter('ended')
  }

  private async connect(round: number): Promise<void> {
    this.watchSilence()
    let token: string | null
    try {
      token = await this.parts.token(this.renewNext)
    } catch {
      if (round === this.round) this.retry()
      return
    }
    if (round !== this.round) return
    if (token === null) {
      this.stop()
      return
    }
    this.renewNext = false
    this.listen(this.parts.open(), token)
  }

  private listen(socket: LinkSocket, token: string): void {
    this.socket = socket
    this.whole = this.signed = false
    socket.onopen = () => {
      this.signed = true
      socket.send(JSON.stringify({ type: 'auth', token, site: this.parts.site, kinds: this.kinds, resume: this.place }))
    }
    socket.onmessage = (event) => {
      this.heard(event.data)
    }
    socket.onclose = (event) => {
      this.renewNext = event.code === BAD_TOKEN
      this.retry()
    }
  }

  private heard(data: unknown): void {
    const message = parse(data)
    if (message === null) return
    this.attempt = 0
    this.watchSilence()
    if (message.type === 'resumed') this.whole = message.whole
    if (message.type === 'status') this.place = message.place
    if (this.state !== 'live') this.enter('live')
    if (message.type !== 'resumed') this.parts.onMessage(message)
  }

  private watchSilence(): void {
    clearTimeout(this.silenceTimer)
    this.silenceTimer = setTimeout(() => {
      this.retry()
    }, SILENCE_MS)
  }

  private retry(): void {
    this.drop()
    this.enter('lost')
    const base = BACKOFF_MS[Math.min(this.attempt, BACKOFF_MS.length - 1)] ?? 8000
    this.attempt += 1
    const round = this.round
    // Half of the wait is random: many screens must not come back in the same instant.
    this.retryTimer = setTimeout(() => void this.connect(round), base * (0.5 + 0.5 * Math.random()))
  }

  private drop(): void {
    this.round += 1
    clearTimeout(this.retryTimer)
    clearTimeout(this.silenceTimer)
    if (this.socket === undefined) return
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null
    this.socket.close()
    this.socket = undefined
    this.signed = false
  }

  private enter(state: LinkState): void {
    if (state === this.state) return
    this.state = state
    this.parts.onState(state, this.whole)
  }
}

const KNOWN = new Set(['values', 'command', 'plan', 'status', 'order', 'holders', 'configuration', 'alarms', 'resumed'])

/** The message in a text frame; null for what this page does not know, so that a newer hub breaks nothing. */
function parse(data: unknown): LiveMessage | null {
  if (typeof data !== 'string') return null
  try {
    const message = JSON.parse(data) as { type?: unknown } | null
    return KNOWN.has(String(message?.type)) ? (message as LiveMessage) : null
  } catch {
    return null
  }
}

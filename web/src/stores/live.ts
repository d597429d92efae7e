/** What changes each second: values, set-points and the state of every link between this screen and the plant. */
import { defineStore } from 'pinia'
import { computed, ref, shallowReactive, shallowRef } from 'vue'

import { client, unwrap } from '@/api/client'
import { Problem } from '@/api/problem'
import type { Command, LiveNews, Value } from '@/api/types'
import { hubNowMs, monotonicS } from '@/lib/clock'
import { LiveLink, type LinkSocket, type LinkState } from '@/lib/liveLink'
import type { Held } from '@/lib/reading'
import { useAlarms } from '@/stores/alarms'
import { useControl } from '@/stores/control'
import { usePlant } from '@/stores/plant'
import { useSession } from '@/stores/session'

const COMMAND_LIMIT = 100
const WITHOUT_VALUES = ['command', 'order', 'holders', 'alarms', 'plan', 'configuration'] as const

export type Way = 'up' | 'down' | 'unknown'

function openSocket(): LinkSocket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  return new WebSocket(`${scheme}://${location.host}/api/v1/live`)
}

export const useLive = defineStore('live', () => {
  const session = useSession()
  const plant = usePlant()
  const control = useControl()
  const alarms = useAlarms()
  const held = shallowReactive(new Map<string, Held>())
  const commands = shallowRef<Command[]>([])
  const link = ref<LinkState>('connecting')
  const edge = ref<Way>('unknown')
  const bus = ref<Way>('unknown')
  const edgeHeard = shallowRef<{ ageS: number; atS: number } | null>(null)
  const mode = ref<string | null>(null)
  let socket: LiveLink | undefined
  let followed = ''
  let kinds: readonly string[] | null = null

  const hub = computed<Way>(() => (link.value === 'live' ? 'up' : link.value === 'connecting' ? 'unknown' : 'down'))
  /** No fresh value can arrive: the socket, the edge or the bus is away. */
  const lost = computed(() => hub.value === 'down' || edge.value === 'down' || bus.value === 'down')

  function keep(values: Value[]): void {
    const heardS = monotonicS()
    for (const value of values) held.set(value.point, { value, heardS })
  }

  function upsert(command: Command): void {
    const rest = commands.value.filter((one) => one.id !== command.id)
    commands.value = [command, ...rest].sort((a, b) => Date.parse(b.time) - Date.parse(a.time)).slice(0, COMMAND_LIMIT)
  }

  function take(message: LiveNews): void {
    if (message.type === 'values') keep(message.values)
    else if (message.type === 'command') upsert(message.command)
    else if (message.type === 'plan') void plant.loadPlan()
    else if (message.type === 'configuration') renew()
    else if (message.type === 'order') control.takeOrder(message.order)
    else if (message.type === 'alarms') alarms.take(message.alarms)
    else if (message.type === 'holders') control.takeHolders(message.holders)
    else setStatus(message)
  }

  /** Another configuration took effect: devices, points and limits may be others now. */
  function renew(): void {
    void quietly(plant.loadSites())
    void quietly(plant.open(followed))
    void quietly(control.load())
    void quietly(alarms.load())
  }

  function setStatus(message: Extract<LiveNews, { type: 'status' }>): void {
    edge.value = message.edge.link
    bus.value = message.bus
    mode.value = message.mode
    alarms.watchIs(message.watch)
    edgeHeard.value = message.edge.age_s === null ? null : { ageS: message.edge.age_s, atS: monotonicS() }
  }

  /** Read last values and set-points once; @throws {Problem} */
  async function reload(): Promise<void> {
    const site = followed
    const params = { path: { site } }
    const values = unwrap(client.GET('/api/v1/sites/{site}/values', { params }))
    const [gotValues] = await Promise.all([values, loadCommands()])
    if (site === followed) keep(gotValues)
  }

  /** Read the set-points again, for leases prolonged since. @throws {Problem} */
  async function loadCommands(): Promise<void> {
    const site = followed
    const params = { path: { site }, query: { limit: COMMAND_LIMIT } }
    const got = await unwrap(client.GET('/api/v1/sites/{site}/commands', { params }))
    if (site === followed) commands.value = got
  }

  function entered(state: LinkState, whole: boolean): void {
    link.value = state
    if (state === 'live' && !whole) {
      // What happened while the link was away is read once; what comes next is pushed.
      void quietly(reload())
      void quietly(plant.loadPlan())
      void quietly(control.load())
      void quietly(alarms.load())
    } else if (state !== 'live') {
      alarms.lost()
      edge.value = bus.value = 'unknown'
    }
  }

  /** Follow `site` live until `leave`; calls for the same site are one. */
  function follow(site: string): void {
    if (followed === site && socket !== undefined) return
    leave()
    followed = site
    link.value = 'connecting'
    control.open(site)
    alarms.open(site)
    void quietly(reload())
    void quietly(control.load())
    socket = new LiveLink({
      site,
      open: openSocket,
      token: async (renew) => (renew && !(await session.renew()) ? null : session.freshToken()),
      onMessage: take,
      onState: entered,
    })
    socket.show(kinds)
    socket.start()
  }

  /** Whether the page that is shown has live values on it; one that has none is sent none. */
  function show(values: boolean): void {
    kinds = values ? null : WITHOUT_VALUES
    socket?.show(kinds)
  }

  /** Close the socket and forget the site. */
  function leave(): void {
    socket?.stop()
    socket = undefined
    followed = ''
    held.clear()
    control.close()
    alarms.close()
    commands.value = []
    edge.value = bus.value = 'unknown'
    mode.value = null
    edgeHeard.value = null
  }

  /** The page was hidden or shown again: close, or come back and read anew. */
  function visible(shown: boolean): void {
    if (shown && link.value === 'paused') socket?.start()
    else if (!shown && link.value !== 'ended') socket?.pause()
  }

  /** Set-points in force: the newest per point that neither ended nor ran out, and what failed lately. */
  function running(): Command[] {
    const now = hubNowMs()
    const seen = new Set<string>()
    const questions = control.questions
    return commands.value.filter((command) => {
      // A question or an act on a point is no set-point and hides none.
      if (seen.has(command.point) || questions.has(command.id)) return false
      seen.add(command.point)
      return isCurrent(command, now)
    })
  }

  return { held, commands, link, hub, edge, bus, edgeHeard, mode, lost, follow, show, leave, visible, reload, loadCommands, running }
})

const ENDED = new Set(['released', 'expired'])
const FAILED = new Set(['refused', 'failed'])
/** A refused or failed set-point stays in sight this long. */
const FAILED_SHOWN_MS = 600_000
/** A lease that ran out stays in sight this long, so that its end is seen. */
const OVER_SHOWN_MS = 15_000

/** Whether a set-point belongs on the list of running ones at `nowMs` (hub time). */
export function isCurrent(command: Command, nowMs: number): boolean {
  // A release asks for no value; it ends what ran on its point.
  if (ENDED.has(command.state) || command.value === null) return false
  if (FAILED.has(command.state)) return nowMs - Date.parse(command.time) < FAILED_SHOWN_MS
  return command.lease_until === null || nowMs - Date.parse(command.lease_until) < OVER_SHOWN_MS
}

async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    // A failed read shows by itself: the link badge turns and the values age.
    if (!(error instanceof Problem)) throw error
  }
}

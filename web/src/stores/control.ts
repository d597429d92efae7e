/** Set-points, who holds them and why, and what people asked for. */
import { defineStore } from 'pinia'
import { computed, ref, shallowReactive, shallowRef } from 'vue'

import { client, unwrap } from '@/api/client'
import { Problem } from '@/api/problem'
import type { Held, HeldPoint, NewOrder, Order, Setpoint } from '@/api/types'
import { monotonicS } from '@/lib/clock'
import { stops } from '@/lib/holding'
import { overridesIn } from '@/lib/orders'
import { useSession } from '@/stores/session'

/** Orders that are read; a stop older than these is still shown, by what its edge says. */
const ORDERS = 200
/** What a holder may have changed of a set-point is read again no sooner than this after the last time, ms. */
const CALM_MS = 1500

/** Kinds of orders whose commands are set-points, or end them; an operate carries out the command of its selection. */
const VALUED = new Set<Order['kind']>(['set', 'select', 'release'])

/** Who holds a point and the moment (page monotonic, seconds) at which its ages were true. */
export interface HeldAt {
  held: Held
  heardS: number
}

export const useControl = defineStore('control', () => {
  const session = useSession()
  const setpoints = shallowRef<Setpoint[]>([])
  /** True once the hub has answered. */
  const known = ref(false)
  const holders = shallowReactive(new Map<string, HeldAt>())
  const orders = shallowReactive(new Map<string, Order>())
  const site = ref('')
  let calm: ReturnType<typeof setTimeout> | undefined

  const may = computed(() => session.rights.includes('command'))
  const stopped = computed(() => stops(setpoints.value, (point) => holders.get(point)?.held, [...orders.values()]))

  /** The override of a person on each point that has one. */
  const overrides = computed(() => overridesIn(orders.values()))
  /** Commands that ask for no value to be held: questions, second steps and acts. */
  const questions = computed(() => new Set([...orders.values()].flatMap((order) => (VALUED.has(order.kind) ? [] : order.commands))))

  /** Read set-points and orders, once for each link; what comes next of orders is pushed. @throws {Problem} */
  async function load(): Promise<void> {
    const asked = site.value
    if (asked === '') return
    const params = { path: { site: asked }, query: { limit: ORDERS } }
    const [list] = await Promise.all([unwrap(client.GET('/api/v1/sites/{site}/orders', { params })), look()])
    if (site.value === asked) list.forEach(takeOrder)
  }

  /** Read the set-points again: whether one can be set follows from more than its holder. @throws {Problem} */
  async function look(): Promise<void> {
    const asked = site.value
    if (asked === '') return
    const points = await unwrap(client.GET('/api/v1/sites/{site}/setpoints', { params: { path: { site: asked } } }))
    if (site.value !== asked) return
    setpoints.value = points
    known.value = true
    for (const point of points) if (point.holder !== null) holders.set(point.id, { held: point.holder, heardS: monotonicS() })
  }

  function takeOrder(order: Order): void {
    orders.set(order.id, order)
  }

  /** What an edge told; whether a point can be set now follows from it and is read again. */
  function takeHolders(list: readonly HeldPoint[]): void {
    for (const held of list) holders.set(held.point, { held, heardS: monotonicS() })
    calm ??= setTimeout(() => {
      calm = undefined
      void look().catch((error: unknown) => {
        // The link badge shows a hub that is away; the next look reads it.
        if (!(error instanceof Problem)) throw error
      })
    }, CALM_MS)
  }

  /** Ask for something; it is written down when this answers. @throws {Problem} with the hub's sentence. */
  async function place(ask: NewOrder): Promise<Order> {
    const params = { path: { site: site.value } }
    const order = await unwrap(client.POST('/api/v1/sites/{site}/orders', { params, body: ask }))
    // The socket may have told more of it before this answer came.
    if (!orders.has(order.id)) takeOrder(order)
    return order
  }

  /** Read one order again, for a socket that is away. @throws {Problem} */
  async function refresh(ident: string): Promise<void> {
    takeOrder(await unwrap(client.GET('/api/v1/sites/{site}/orders/{ident}', { params: { path: { site: site.value, ident } } })))
  }

  function open(id: string): void {
    close()
    site.value = id
  }

  function close(): void {
    clearTimeout(calm)
    calm = undefined
    site.value = ''
    setpoints.value = []
    known.value = false
    holders.clear()
    orders.clear()
  }

  return { setpoints, known, holders, orders, may, stopped, questions, overrides, load, look, takeOrder, takeHolders, place, refresh, open, close }
})

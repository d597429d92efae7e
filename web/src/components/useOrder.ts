/** One order of a person from the click to its end: placed once, followed by the socket, and by asking where that is away. */
import { computed, ref, shallowRef, type ComputedRef, type Ref } from 'vue'

import { Problem } from '@/api/problem'
import type { NewOrder, Order } from '@/api/types'
import { useIntervalFn } from '@/components/useLifetime'
import { isSettled } from '@/lib/orders'
import { useControl } from '@/stores/control'

const ASK_AGAIN_MS = 1500

export interface OrderFlow {
  order: ComputedRef<Order | null>
  /** The hub's refusal to take it. */
  problem: Ref<Problem | null>
  /** Asked, and no answer of the hub yet. */
  busy: Ref<boolean>
  /** Ask; a second call while one is under way does nothing. Gives the order, or null where it was not taken. */
  place: (ask: NewOrder) => Promise<Order | null>
  /** Forget it, to ask anew. */
  forget: () => void
}

/** For the setup of a component. */
export function useOrder(): OrderFlow {
  const control = useControl()
  const id = ref('')
  const busy = ref(false)
  const problem = shallowRef<Problem | null>(null)
  const order = computed(() => control.orders.get(id.value) ?? null)

  async function place(ask: NewOrder): Promise<Order | null> {
    if (busy.value) return null
    forget()
    busy.value = true
    try {
      const placed = await control.place(ask)
      id.value = placed.id
      return placed
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = error
      return null
    } finally {
      busy.value = false
    }
  }

  function forget(): void {
    id.value = ''
    problem.value = null
  }

  useIntervalFn(() => {
    if (order.value === null || isSettled(order.value)) return
    control.refresh(order.value.id).catch((error: unknown) => {
      // Asked again at the next beat; the link badge shows a hub that is away.
      if (!(error instanceof Problem)) throw error
    })
  }, ASK_AGAIN_MS)

  return { order, problem, busy, place, forget }
}

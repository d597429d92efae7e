/** The period and the split of accounts as they stand in the address, so that a view can be shared. */
import { computed, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

import { hubNowMs } from '@/lib/clock'
import { kindOf, periodWith, todayIn, type Dimension } from '@/lib/energy'
import { usePlant } from '@/stores/plant'

export const DIMENSIONS: readonly Dimension[] = ['carrier', 'area', 'device', 'product', 'shift', 'meter']

export interface Period {
  period: ComputedRef<string>
  by: ComputedRef<Dimension>
  today: ComputedRef<string>
  /** Change words of the address. */
  say: (words: Record<string, string>) => void
}

export function usePeriod(): Period {
  const route = useRoute()
  const router = useRouter()
  const plant = usePlant()
  const today = computed(() => todayIn(plant.zone, hubNowMs()))
  const period = computed(() => {
    const asked = route.query.period
    return typeof asked === 'string' && kindOf(asked) !== null ? asked : periodWith('month', today.value)
  })
  const by = computed(() => DIMENSIONS.find((one) => one === route.query.by) ?? 'area')
  function say(words: Record<string, string>): void {
    void router.replace({ query: { ...route.query, ...words } })
  }
  return { period, by, today, say }
}

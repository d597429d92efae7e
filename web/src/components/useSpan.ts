/** The time and its cut, as they stand in the address; a time that ends now moves on while the page is in sight. */
import { computed, ref, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

import { useIntervalFn } from '@/components/useLifetime'
import { hubNowMs } from '@/lib/clock'
import { cutOf, spanOf, type Cut, type Span } from '@/lib/span'

const EVERY_MS = 30_000

export interface Spanned {
  span: ComputedRef<Span>
  cut: ComputedRef<Cut>
  /** Change words of the address; undefined takes one out. */
  say: (words: Record<string, string | undefined>) => void
}

export function useSpan(): Spanned {
  const route = useRoute()
  const router = useRouter()
  const nowMs = ref(hubNowMs())
  const span = computed(() => spanOf(route.query, nowMs.value))
  const cut = computed(() => cutOf(route.query, span.value))
  // A time of its own does not move with it.
  useIntervalFn(() => (nowMs.value = hubNowMs()), EVERY_MS)
  function say(words: Record<string, string | undefined>): void {
    void router.replace({ query: { ...route.query, ...words } })
  }
  return { span, cut, say }
}

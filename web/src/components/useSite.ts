/** What every page of a site does: follow it live, and keep what changes rarely fresh. */
import { onBeforeUnmount, onMounted, watch } from 'vue'

import { Problem } from '@/api/problem'
import { useIntervalFn } from '@/components/useLifetime'
import { useControl } from '@/stores/control'
import { useLive } from '@/stores/live'
import { usePlant } from '@/stores/plant'

/** Follow the site that `site()` names while the component lives. */
export function useSite(site: () => string): void {
  const live = useLive()
  const plant = usePlant()
  const control = useControl()

  watch(site, (id) => {
    live.follow(id)
    void plant.open(id)
  }, { immediate: true })

  // Devices change their link state; a failed first read is tried again when the hub is back.
  useIntervalFn(() => live.hub === 'up' && void plant.open(site()), 15_000)
  // Holders are pushed as they change; whether a point can be set follows from more, and is read again.
  useIntervalFn(() => {
    if (live.hub === 'up') control.look().catch((error: unknown) => {
      // The link badge shows a hub that is away; the next beat reads it.
      if (!(error instanceof Problem)) throw error
    })
  }, 5000)
  watch(() => live.hub, (hub) => hub === 'up' && plant.problem !== null && void plant.open(site()))

  function shown(): void {
    live.visible(!document.hidden)
  }
  onMounted(() => {
    document.addEventListener('visibilitychange', shown)
  })
  onBeforeUnmount(() => {
    document.removeEventListener('visibilitychange', shown)
    live.leave()
  })
}

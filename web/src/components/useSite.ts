/** What every page of a site does: follow it live, and keep what changes rarely fresh. */
import { onBeforeUnmount, onMounted, watch } from 'vue'

import { useIntervalFn } from '@/components/useLifetime'
import { useLive } from '@/stores/live'
import { usePlant } from '@/stores/plant'

/** Follow the site that `site()` names while the component lives. */
export function useSite(site: () => string): void {
  const live = useLive()
  const plant = usePlant()

  watch(site, (id) => {
    live.follow(id)
    void plant.open(id)
  }, { immediate: true })

  // Devices change their link state; a failed first read is tried again when the hub is back.
  useIntervalFn(() => live.hub === 'up' && void plant.open(site()), 15_000)
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

/** Readings of live points, judged anew each second. */
import { computed, type ComputedRef } from 'vue'

import type { Point } from '@/api/types'
import { monotonicS, useTick } from '@/lib/clock'
import { NOTHING, read, type Reading } from '@/lib/reading'
import { useLive } from '@/stores/live'
import { usePlant } from '@/stores/plant'

export interface Readings {
  /** The reading of a point now; nothing for no point. */
  readingOf: (point: Point | undefined) => Reading
  /** Age of the newest sample of the site, s: how far the picture is behind the plant; null before the first. */
  newestS: ComputedRef<number | null>
}

/** For the setup of a component: a function that computed values may call. */
export function useReadings(): Readings {
  const live = useLive()
  const plant = usePlant()
  const tick = useTick()
  function readingOf(point: Point | undefined): Reading {
    void tick.value
    return point === undefined ? NOTHING : read(live.held.get(point.id), monotonicS(), point.stale_after_s, live.lost)
  }
  const newestS = computed(() => {
    const ages = plant.points.flatMap((point) => readingOf(point).ageS ?? [])
    return ages.length === 0 ? null : Math.min(...ages)
  })
  return { readingOf, newestS }
}

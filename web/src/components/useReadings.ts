/** Readings of live points, judged anew each second. */
import type { Point } from '@/api/types'
import { monotonicS, useTick } from '@/lib/clock'
import { NOTHING, read, type Reading } from '@/lib/reading'
import { useLive } from '@/stores/live'

export interface Readings {
  /** The reading of a point now; nothing for no point. */
  readingOf: (point: Point | undefined) => Reading
}

/** For the setup of a component: a function that computed values may call. */
export function useReadings(): Readings {
  const live = useLive()
  const tick = useTick()
  return {
    readingOf: (point) => {
      void tick.value
      return point === undefined ? NOTHING : read(live.held.get(point.id), monotonicS(), point.kind, live.lost)
    },
  }
}

/**
 * Time as the hub sees it, so that a wrong clock on this screen falsifies no countdown.
 *
 * The hub's time comes from the `Date` head of its answers (whole seconds), kept against the
 * monotonic clock of the page.
 */
import { onScopeDispose, readonly, ref, type Ref } from 'vue'

let offsetMs: number | null = null

/** Seconds on the page's monotonic clock. */
export function monotonicS(): number {
  return performance.now() / 1000
}

/** Learn the hub's time from one `Date` head; null or nonsense is passed over. */
export function learnHubTime(head: string | null): void {
  const hubMs = head === null ? Number.NaN : Date.parse(head)
  // The head is cut to whole seconds: half a second is added back.
  if (Number.isFinite(hubMs)) offsetMs = hubMs + 500 - performance.now()
}

/** Milliseconds since 1970 by the hub's clock; by this screen's clock until the hub has answered once. */
export function hubNowMs(): number {
  return offsetMs === null ? Date.now() : offsetMs + performance.now()
}

const tick = ref(0)
let users = 0
let timer: ReturnType<typeof setInterval> | undefined

/** A counter that steps once a second while somebody looks at it; one timer serves the whole page. */
export function useTick(): Readonly<Ref<number>> {
  users += 1
  timer ??= setInterval(() => (tick.value += 1), 1000)
  onScopeDispose(() => {
    users -= 1
    if (users === 0) {
      clearInterval(timer)
      timer = undefined
    }
  })
  return readonly(tick)
}

/** Call `work` every `periodMs` while the component lives and the page is in sight. */
import { onScopeDispose } from 'vue'

export function useIntervalFn(work: () => void, periodMs: number): void {
  const timer = setInterval(() => {
    if (!document.hidden) work()
  }, periodMs)
  onScopeDispose(() => {
    clearInterval(timer)
  })
}

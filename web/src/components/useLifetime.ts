/** Timers and listeners that end with the component. */
import { onScopeDispose } from 'vue'

/** Call `work` every `periodMs` while the component lives and the page is in sight. */
export function useIntervalFn(work: () => void, periodMs: number): void {
  const timer = setInterval(() => {
    if (!document.hidden) work()
  }, periodMs)
  onScopeDispose(() => {
    clearInterval(timer)
  })
}

/** Listen to the window while the component lives. */
export function useEventListener(target: Window, name: string, act: () => void): void {
  target.addEventListener(name, act)
  onScopeDispose(() => {
    target.removeEventListener(name, act)
  })
}

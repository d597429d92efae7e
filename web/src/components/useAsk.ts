/** One question to the hub: the newest answer, what is said where there is none, and how old it is; an answer that was overtaken is dropped. */
import { ref, shallowRef, watch, type Ref, type ShallowRef, type WatchSource } from 'vue'

import { Problem } from '@/api/problem'
import { whyNot } from '@/i18n'
import { hubNowMs } from '@/lib/clock'

/** So long a question may take before it is given up, ms. */
export const PATIENCE_MS = 60_000

export interface Asked<T> {
  data: ShallowRef<T | null>
  /** Why there is no newer answer; empty where there is one. */
  refused: Ref<string>
  busy: Ref<boolean>
  /** When the answer came, hub time. */
  atMs: Ref<number | null>
  load: () => Promise<void>
}

/** Ask at once and whenever one of `on` changes; `ask` gives null where there is nothing to ask. A failure leaves the answer before. */
export function useAsk<T>(ask: () => Promise<T> | null, on: WatchSource[]): Asked<T> {
  const data: ShallowRef<T | null> = shallowRef(null)
  const refused = ref('')
  const busy = ref(false)
  const atMs = ref<number | null>(null)
  let turn = 0

  async function load(): Promise<void> {
    const mine = ++turn
    const going = ask()
    busy.value = going !== null
    const outcome = going === null ? { got: null, why: '' } : await settled(going)
    if (mine !== turn) return
    busy.value = false
    refused.value = outcome.why
    if (outcome.why !== '') return
    data.value = outcome.got
    atMs.value = hubNowMs()
  }
  watch(on, load, { immediate: true })
  return { data, refused, busy, atMs, load }
}

/** What came of a question: the answer, or why there is none. */
async function settled<T>(going: Promise<T>): Promise<{ got: T | null; why: string }> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(Problem.away(`no answer within ${String(PATIENCE_MS / 1000)} s`))
    }, PATIENCE_MS)
  })
  try {
    return { got: await Promise.race([going, late]), why: '' }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return { got: null, why: whyNot(error) }
  } finally {
    clearTimeout(timer)
  }
}

/** One act at a time that the hub may refuse: whether it is under way, and why it was refused. */
import { ref, type Ref } from 'vue'

import { Problem } from '@/api/problem'
import { whyNot } from '@/i18n'

export interface Act {
  busy: Ref<boolean>
  /** The hub's sentence; empty where the last act was done. */
  refused: Ref<string>
  /** Do it; the answer, or null where the hub refused. */
  run: <T>(work: () => Promise<T>) => Promise<T | null>
}

export function useAct(): Act {
  const busy = ref(false)
  const refused = ref('')

  async function run<T>(work: () => Promise<T>): Promise<T | null> {
    busy.value = true
    try {
      const done = await work()
      refused.value = ''
      return done
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      refused.value = whyNot(error)
      return null
    } finally {
      busy.value = false
    }
  }
  return { busy, refused, run }
}

/** One question that may change the configuration: its answer, or the hub's refusal with all faults. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { Problem } from '@/api/problem'
import type { ConfigFault } from '@/api/types'
import { whyNot } from '@/i18n'

export interface Proposal {
  busy: Ref<boolean>
  /** The hub's sentence; empty where there was no refusal. */
  problem: Ref<string>
  faults: ShallowRef<readonly ConfigFault[]>
  /** The answer, or null where the hub refused; a slip of our own passes through. */
  run: <T>(work: () => Promise<T>) => Promise<T | null>
  clear: () => void
}

export function useProposal(): Proposal {
  const busy = ref(false)
  const problem = ref('')
  const faults = shallowRef<readonly ConfigFault[]>([])

  function clear(): void {
    problem.value = ''
    faults.value = []
  }
  async function run<T>(work: () => Promise<T>): Promise<T | null> {
    clear()
    busy.value = true
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = whyNot(error)
      faults.value = error.faults
      return null
    } finally {
      busy.value = false
    }
  }
  return { busy, problem, faults, run, clear }
}

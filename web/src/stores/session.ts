/** Who is signed in. The access token lives in this store's memory only, never in browser storage. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { client, unwrap, useTokens } from '@/api/client'
import { Problem } from '@/api/problem'
import type { Session } from '@/api/types'
import { monotonicS } from '@/lib/clock'

/** Renew when less than this is left, so that a socket never opens with a token about to end. */
const MARGIN_S = 20

export const useSession = defineStore('session', () => {
  const username = ref('')
  const role = ref('')
  /** What the person may do beyond looking: command, configure, manage, administer. */
  const rights = ref<readonly string[]>([])
  const token = ref<string | null>(null)
  const signedIn = computed(() => token.value !== null)
  let endsAtS = 0
  let pending: Promise<boolean> | undefined

  function accept(session: Session): void {
    token.value = session.access_token
    endsAtS = monotonicS() + session.expires_in_s
    username.value = session.username
    role.value = session.role
    rights.value = session.rights
  }

  function forget(): void {
    token.value = null
    username.value = ''
    role.value = ''
    rights.value = []
  }

  /** Sign in. @throws {Problem} with the hub's reason, 401 for a wrong name or password; code `second_factor` where a code is wanted. */
  async function login(name: string, password: string, code = ''): Promise<void> {
    accept(await unwrap(client.POST('/api/v1/auth/login', { body: { username: name, password, code } })))
  }

  async function askAgain(): Promise<boolean> {
    try {
      accept(await unwrap(client.POST('/api/v1/auth/refresh')))
      return true
    } catch (error) {
      const refused = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429
      if (!refused) throw error
      forget()
      return false
    }
  }

  /**
   * New access token by the refresh cookie; calls at the same time share one request.
   *
   * @returns false when the hub says that the session is over.
   * @throws {Problem} when the hub is not reached: the session may still be alive.
   */
  function renew(): Promise<boolean> {
    pending ??= askAgain().finally(() => (pending = undefined))
    return pending
  }

  /** A token with some life left, renewed if need be; null when the session is over. @throws {Problem} as `renew`. */
  async function freshToken(): Promise<string | null> {
    if (token.value === null || endsAtS - monotonicS() < MARGIN_S) await renew()
    return token.value
  }

  /** Sign out here at once; the hub is told, but an unreachable hub does not keep the person signed in. */
  async function logout(): Promise<void> {
    forget()
    try {
      await unwrap(client.POST('/api/v1/auth/logout'))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
    }
  }

  useTokens({ token: () => token.value, renew: () => renew().catch(() => false) })

  return { username, role, rights, token, signedIn, login, renew, freshToken, logout }
})

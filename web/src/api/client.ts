/** The one HTTP client: adds the access token, renews it once on 401, turns refusals into `Problem`. */
import createClient, { type Middleware } from 'openapi-fetch'

import { Problem } from '@/api/problem'
import type { paths } from '@/api/schema'
import { learnHubTime } from '@/lib/clock'

export interface TokenSource {
  /** The access token in memory, or null before login. */
  token: () => string | null
  /** Ask for a new one by the refresh cookie; false when the session is over. */
  renew: () => Promise<boolean>
}

let source: TokenSource = { token: () => null, renew: () => Promise.resolve(false) }

/** Tell the client where tokens come from; called once by the session store. */
export function useTokens(from: TokenSource): void {
  source = from
}

const isAuth = (url: string): boolean => url.includes('/api/v1/auth/')

const retryable = new WeakMap<Request, Request>()

const tokens: Middleware = {
  onRequest({ request }) {
    const token = source.token()
    if (token !== null && !isAuth(request.url)) request.headers.set('Authorization', `Bearer ${token}`)
    retryable.set(request, request.clone())
    return request
  },
  async onResponse({ request, response }) {
    learnHubTime(response.headers.get('Date'))
    if (response.status !== 401 || isAuth(request.url) || !(await source.renew())) return undefined
    const again = retryable.get(request)
    if (again === undefined) return undefined
    again.headers.set('Authorization', `Bearer ${source.token() ?? ''}`)
    return fetch(again)
  },
}

/** Typed by the hub's OpenAPI; every path is checked by the compiler. */
export const client = createClient<paths>({ credentials: 'same-origin', fetch: (request) => fetch(request) })
client.use(tokens)

interface Outcome<T> {
  data?: T
  error?: unknown
  response: Response
}

/**
 * The data of an answer.
 *
 * @throws {Problem} with the hub's own sentence, or status 0 when the hub was not reached.
 */
export async function unwrap<T>(call: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>
  try {
    outcome = await call
  } catch (cause) {
    throw Problem.away(cause instanceof Error ? cause.message : String(cause))
  }
  if (!outcome.response.ok) throw Problem.from(outcome.response.status, outcome.error)
  return outcome.data as T
}

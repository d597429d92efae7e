import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { client, unwrap } from '@/api/client'
import { Problem } from '@/api/problem'
import { useSession } from '@/stores/session'

type Answer = (request: Request) => Response | Promise<Response>

const json = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' } })
const SESSION = { access_token: 't1', expires_in_s: 900, username: 'admin', role: 'admin', rights: ['command', 'configure', 'manage', 'administer'] }
let asked: string[]
let answers: Record<string, Answer>

beforeEach(() => {
  setActivePinia(createPinia())
  asked = []
  answers = { '/api/v1/auth/login': () => json(200, SESSION), '/api/v1/auth/refresh': () => json(200, { ...SESSION, access_token: 't2' }) }
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname } = new URL(request.url)
    asked.push(`${request.method} ${pathname} ${request.headers.get('Authorization') ?? '-'}`)
    return answers[pathname]?.(request) ?? json(404, { detail: 'no such path' })
  })
})
afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the session', () => {
  it('keeps the token in memory only and sends it with each question', async () => {
    const session = useSession()
    answers['/api/v1/sites'] = () => json(200, [])
    await session.login('admin', 'pw')
    await unwrap(client.GET('/api/v1/sites'))
    expect(asked).toEqual(['POST /api/v1/auth/login -', 'GET /api/v1/sites Bearer t1'])
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('t1')
  })

  it('tells the hub\'s own sentence when it refuses', async () => {
    answers['/api/v1/auth/login'] = () => json(401, { title: 'Unauthorized', detail: 'wrong password' })
    await expect(useSession().login('admin', 'x')).rejects.toMatchObject({ status: 401, message: 'wrong password' })
    expect(useSession().signedIn).toBe(false)
  })

  it('renews an expired token once and asks again', async () => {
    const session = useSession()
    await session.login('admin', 'pw')
    answers['/api/v1/sites'] = (request) => (request.headers.get('Authorization') === 'Bearer t2' ? json(200, []) : json(401, {}))
    await unwrap(client.GET('/api/v1/sites'))
    expect(asked.slice(1)).toEqual(['GET /api/v1/sites Bearer t1', 'POST /api/v1/auth/refresh -', 'GET /api/v1/sites Bearer t2'])
  })

  it('shares one renewal between questions at the same time', async () => {
    const session = useSession()
    expect(await Promise.all([session.renew(), session.renew(), session.freshToken()])).toEqual([true, true, 't2'])
    expect(asked).toHaveLength(1)
  })

  it('ends when the hub refuses the refresh cookie', async () => {
    const session = useSession()
    await session.login('admin', 'pw')
    answers['/api/v1/auth/refresh'] = () => json(401, { detail: 'session over' })
    expect(await session.renew()).toBe(false)
    expect(session.signedIn).toBe(false)
  })

  it('outlives a hub that is away', async () => {
    const session = useSession()
    await session.login('admin', 'pw')
    answers['/api/v1/auth/refresh'] = () => Promise.reject(new TypeError('Failed to fetch'))
    await expect(session.renew()).rejects.toMatchObject({ status: 0 })
    answers['/api/v1/auth/refresh'] = () => json(503, { detail: 'starting' })
    await expect(session.renew()).rejects.toBeInstanceOf(Problem)
    expect(session.signedIn).toBe(true)
  })
})

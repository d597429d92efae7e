/** A refusal of the hub in words (RFC 9457). `status` 0 means that no answer came at all. */
import type { ConfigFault, Text } from '@/api/types'

interface Told {
  detail?: unknown
  title?: unknown
  code?: unknown
  text?: Text | null
  faults?: unknown
}

export class Problem extends Error {
  readonly status: number
  /** The same for a program, in a word; null where the status says it. */
  readonly code: string | null
  /** The same for a person, in both languages; null where it is not the hub that speaks. */
  readonly text: Text | null
  /** What is wrong with a proposed configuration, one by one; empty for other refusals. */
  readonly faults: readonly ConfigFault[]

  constructor(status: number, message: string, told: Told = {}) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.code = typeof told.code === 'string' ? told.code : null
    this.text = told.text ?? null
    this.faults = Array.isArray(told.faults) ? (told.faults as ConfigFault[]) : []
  }

  /** No answer came; `cause` is what the browser says. */
  static away(cause: string): Problem {
    return new Problem(0, cause, { text: { en: 'The hub does not answer.', zh: '中心端无响应。' } })
  }

  /** The problem an answer's body tells, whatever shape that body has. */
  static from(status: number, body: unknown): Problem {
    const told: Told = typeof body === 'object' && body !== null ? body : {}
    const text = [told.detail, told.title].find((part) => typeof part === 'string' && part !== '')
    return new Problem(status, typeof text === 'string' ? text : `HTTP ${String(status)}`, told)
  }
}

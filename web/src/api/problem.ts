/** A refusal of the hub in words (RFC 9457). `status` 0 means that no answer came at all. */
export class Problem extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'Problem'
    this.status = status
  }

  /** The problem an answer's body tells, whatever shape that body has. */
  static from(status: number, body: unknown): Problem {
    const told = body as { detail?: unknown; title?: unknown } | null | undefined
    const text = [told?.detail, told?.title].find((part) => typeof part === 'string' && part !== '')
    return new Problem(status, typeof text === 'string' ? text : `HTTP ${String(status)}`)
  }
}

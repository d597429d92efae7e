/** Codes of quality as words and signs; the codes are those of protocols/quality.py and never change. Pure. */
export type QualityClass = 'good' | 'uncertain' | 'bad'

const UNCERTAIN_FROM = 64
const BAD_FROM = 128

const REASONS: Readonly<Record<number, string>> = {
  0: 'good', 65: 'time', 66: 'doubtful', 67: 'repeated', 68: 'flat', 69: 'spike', 129: 'unreachable', 130: 'refused', 131: 'answer', 132: 'unavailable',
  133: 'range', 134: 'failed', 135: 'rate', 136: 'spike',
}

/** Class of a code. */
export function classOf(code: number): QualityClass {
  if (code >= BAD_FROM) return 'bad'
  return code >= UNCERTAIN_FROM ? 'uncertain' : 'good'
}

/** Key of the words for a code, below `reason`; those of its class where the code has none of its own. */
export function reasonOf(code: number): string {
  return REASONS[code] ?? classOf(code)
}

/** The sign beside a value, so that colour is never the only one. */
export function signOf(code: number): string {
  return { good: '', uncertain: '?', bad: '×' }[classOf(code)]
}

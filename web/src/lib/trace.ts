/** The samples behind a window: what is asked for, page by page, and what a row of the table says. Pure. */
import type { Samples } from '@/api/types'
import { HOLD_MS } from '@/lib/curves'

/** The hub looks rows up over two days at most. */
const PORTION_MS = 86_400_000
export const MOST_ROWS = 2000

export interface TraceRow {
  ms: number
  /** Began before the window: what stands in it at first. */
  before: boolean
  value: number | null
  quality: number
  mark: number
  told: string | null
  edge: string
  journal: string
  seq: number | null
  exact: boolean
  polled: string | null
}

/** The first question for a window: a sample stands for up to 15 minutes, so it begins so much earlier. */
export function firstAsk(fromMs: number, toMs: number): { fromMs: number; toMs: number } {
  return { fromMs: fromMs - HOLD_MS, toMs: Math.min(toMs, fromMs + PORTION_MS) }
}

/** The question after an answer; null when that was all. */
export function nextAsk(asked: { toMs: number }, answer: Samples, toMs: number): { fromMs: number; toMs: number } | null {
  const from = answer.next_from === null ? asked.toMs : Date.parse(answer.next_from)
  return from >= toMs ? null : { fromMs: from, toMs: Math.min(toMs, from + PORTION_MS) }
}

/** Rows of the window, and of what began before it only the last one where it still stands. */
export function traceRows(answers: readonly Samples[], fromMs: number): TraceRow[] {
  const rows = answers.flatMap((answer) => answer.times.map((time, i) => rowOf(answer, i, Date.parse(time), fromMs)))
  const first = rows.findIndex((row) => !row.before)
  const held = first < 0 ? rows.length - 1 : first - 1
  return rows.slice(Math.max(0, held))
}

function rowOf(answer: Samples, i: number, ms: number, fromMs: number): TraceRow {
  return {
    ms, before: ms < fromMs, value: answer.values[i] ?? null, quality: answer.qualities[i] ?? 0, mark: answer.marks[i] ?? 0, told: answer.source_times[i] ?? null,
    ...originOf(answer, i),
  }
}

/** The row of a journal a sample came in; empty where it is not kept any more, or was not asked for. */
export function originOf({ trace }: Samples, i: number): Pick<TraceRow, 'edge' | 'journal' | 'seq' | 'exact' | 'polled'> {
  const source = trace?.sources[trace.source[i] ?? -1]
  if (trace === null || trace === undefined || source === undefined) return { edge: '', journal: '', seq: null, exact: false, polled: null }
  return { ...source, seq: trace.seqs[i] ?? null, exact: trace.exact[i] === true, polled: trace.polled[i] ?? null }
}

/** The audit as a table for a spreadsheet. Pure. */
import type { AuditEntry } from '@/api/types'
import { csvOf } from '@/lib/csv'

const COLUMNS = ['number', 'time', 'actor', 'role', 'source', 'category', 'type', 'target', 'old', 'new', 'reason', 'result', 'order', 'command', 'token'] as const

/** The audit as CSV, oldest entry first. */
export function auditCsv(entries: readonly AuditEntry[]): string {
  const rows = [...entries].sort((a, b) => a.number - b.number).map((entry) => COLUMNS.map((name) => entry[name]))
  return csvOf(COLUMNS, rows)
}

/** Whether all words of a search stand in an entry. */
export function hasWords(texts: readonly string[], wanted: string): boolean {
  const text = texts.join(' ').toLowerCase()
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

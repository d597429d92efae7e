/** The audit as a table for a spreadsheet. Pure. */
import type { AuditEntry } from '@/api/types'

const COLUMNS = ['number', 'time', 'actor', 'role', 'source', 'category', 'type', 'target', 'old', 'new', 'reason', 'result', 'order', 'command'] as const

/** CSV by RFC 4180, oldest entry first; a text that a spreadsheet would take for a formula gets an apostrophe before it. */
export function auditCsv(entries: readonly AuditEntry[]): string {
  const rows = [...entries].sort((a, b) => a.number - b.number).map((entry) => COLUMNS.map((name) => cell(entry[name])).join(','))
  return [COLUMNS.join(','), ...rows, ''].join('\r\n')
}

function cell(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) && !/^[-+]?\d/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Whether all words of a search stand in an entry. */
export function hasWords(texts: readonly string[], wanted: string): boolean {
  const text = texts.join(' ').toLowerCase()
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word))
}

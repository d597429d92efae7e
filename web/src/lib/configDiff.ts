/** A unified diff as rows of a table: the number of each line before and after, and what happened to it. Pure. */

export interface DiffRow {
  kind: 'same' | 'added' | 'removed' | 'gap'
  before: number | null
  after: number | null
  text: string
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/

/** Rows of a diff; a gap stands where lines that did not change are left out. */
export function diffRows(text: string): DiffRow[] {
  const rows: DiffRow[] = []
  let before = 0
  let after = 0
  let inside = false
  for (const line of text.split('\n')) {
    const hunk = HUNK.exec(line)
    if (hunk !== null) {
      before = Number(hunk[1])
      after = Number(hunk[2])
      if (inside || before > 1) rows.push({ kind: 'gap', before: null, after: null, text: '' })
      inside = true
    } else if (inside) {
      const kind = kindOf(line)
      rows.push({ kind, before: kind === 'added' ? null : before++, after: kind === 'removed' ? null : after++, text: line.slice(1) })
    }
  }
  return rows
}

function kindOf(line: string): 'same' | 'added' | 'removed' {
  if (line.startsWith('+')) return 'added'
  return line.startsWith('-') ? 'removed' : 'same'
}

export const SIGNS: Record<DiffRow['kind'], string> = { same: '', added: '+', removed: '−', gap: '⋯' }

/** Tables for a spreadsheet, and how they reach the disk. */
export type Cell = string | number | null

/** CSV by RFC 4180; no value is an empty cell; a text that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvOf(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns.map(cell).join(','), ...rows.map((row) => row.map(cell).join(',')), ''].join('\r\n')
}

function cell(value: Cell): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const text = couldBeFormula(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Wide forms count as the plain ones; blanks and what cannot be seen do not hide what follows. A plain number is none. */
function couldBeFormula(text: string): boolean {
  if (/^[-+]?\d+([.,]\d+)*%?$/.test(text)) return false
  return /^[\t\r\n]/.test(text) || /^[\s\p{C}]*[=+\-@]/u.test(text.normalize('NFKC'))
}

/** Offer a text as a file. */
export function saveCsv(name: string, text: string): void {
  // The mark at the beginning tells a spreadsheet that the text is UTF-8.
  saveFile(name, new Blob(['\uFEFF', text], { type: 'text/csv' }))
}

/** Offer bytes as a file. */
export function saveFile(name: string, body: Blob): void {
  const address = URL.createObjectURL(body)
  Object.assign(document.createElement('a'), { href: address, download: name }).click()
  setTimeout(() => {
    URL.revokeObjectURL(address)
  }, 0)
}

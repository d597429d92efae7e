import type { History } from '@/api/types'

/** How much of a time was measured, for a person, and the worst that stood in it. */
export interface Cover {
  /** Per cent, cut to whole numbers: 99.9 is not 100. */
  pct: number
  worst: 'good' | 'uncertain' | 'bad'
}

const UNCERTAIN_FROM = 64
const BAD_FROM = 128

/** Completeness and worst quality of a history; null when nothing was asked. */
export function cover(history: History | null): Cover | null {
  if (history === null || history.times.length === 0) return null
  const worst = Math.max(0, ...history.worst)
  return { pct: Math.floor(history.completeness_pct + 1e-6), worst: worst >= BAD_FROM ? 'bad' : worst >= UNCERTAIN_FROM ? 'uncertain' : 'good' }
}

/** Values in even steps as SVG polylines, one per stretch without a gap; the y range is that of the data, a flat line lies mid-way. */
export function polylines(values: readonly (number | null)[], width: number, height: number): string[] {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value))
  if (known.length === 0) return []
  const low = Math.min(...known)
  const span = Math.max(...known) - low
  const y = (value: number): number => (span === 0 ? height / 2 : height - 3 - ((value - low) / span) * (height - 6))
  const step = width / Math.max(1, values.length - 1)
  const out: string[] = []
  let line: string[] = []
  const end = (): void => {
    // One point alone is drawn as a dash, so that it is seen.
    const [only] = line
    if (line.length === 1 && only !== undefined) line.push(`${String(Number(only.split(',')[0]) + 1)},${only.split(',')[1] ?? ''}`)
    if (line.length > 0) out.push(line.join(' '))
    line = []
  }
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) end()
    else line.push(`${(i * step).toFixed(1)},${y(value).toFixed(1)}`)
  })
  end()
  return out
}

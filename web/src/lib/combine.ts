/** Values worked out on the page from others; as good as the worst of their parts. */
import { NOTHING, type DataQ, type Reading } from '@/lib/reading'

const RANK: Record<DataQ, number> = { good: 0, uncertain: 1, stale: 2, bad: 3, missing: 4 }

/** Apply `f` to readings; no number unless each part has one; age is that of the oldest part. */
export function combine(parts: readonly Reading[], f: (values: number[]) => number | null): Reading {
  if (parts.length === 0) return NOTHING
  const worst = parts.reduce((a, b) => (RANK[b.q] > RANK[a.q] ? b : a))
  const oldest = parts.reduce((a, b) => ((b.ageS ?? -1) > (a.ageS ?? -1) ? b : a))
  const base = { ageS: oldest.ageS, time: oldest.time, told: null, quality: worst.quality }
  const values = parts.flatMap((part) => (part.value === null ? [] : [part.value]))
  if (values.length < parts.length) return { ...base, q: worst.q, value: null }
  const value = f(values)
  return value === null || !Number.isFinite(value) ? { ...base, q: 'missing', value: null } : { ...base, q: worst.q, value }
}

/** Sum of readings of one unit. */
export function sum(parts: readonly Reading[]): Reading {
  return combine(parts, (values) => values.reduce((a, b) => a + b, 0))
}

/** One reading over another; nothing when the divisor is near zero. */
export function ratio(above: Reading, below: Reading, least: number): Reading {
  return combine([above, below], ([a, b]) => (a === undefined || b === undefined || Math.abs(b) < least ? null : a / b))
}

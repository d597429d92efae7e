/** What one value is worth on the screen: its quality class, or that it is stale or missing. */
import type { Value } from '@/api/types'

/** data-q of the PV component. */
export type DataQ = 'good' | 'uncertain' | 'bad' | 'stale' | 'missing'

/** A value and the moment (page monotonic, seconds) at which its `age_s` was true. */
export interface Held {
  value: Value
  heardS: number
}

export interface Reading {
  q: DataQ
  /** null when there is no number to show. */
  value: number | null
  /** Seconds since it was so; null when never heard. */
  ageS: number | null
  /** When it was so, ISO 8601; null when never heard. */
  time: string | null
  /** What the device itself told, ISO 8601, right or wrong; null when it tells no times. */
  told: string | null
  /** The quality byte of the sample; null when never heard. */
  quality: number | null
}

const UNCERTAIN_STALE = 67

export const NOTHING: Reading = { q: 'missing', value: null, ageS: null, time: null, told: null, quality: null }

/**
 * Judge a held value at `nowS` (page monotonic); older than `staleAfterS` it is stale. The hub says how old that is: a
 * point reported by exception may be silent for longer than one that is always sent.
 *
 * Order: nothing heard or no number → missing, unless the sample itself is bad; bad; lost link, too old or marked stale →
 * stale; uncertain; good. A bad sample keeps no number: a failed read is never a number.
 */
export function read(held: Held | undefined, nowS: number, staleAfterS: number, linkLost: boolean): Reading {
  if (held === undefined) return NOTHING
  const { value } = held
  const ageS = Math.max(0, value.age_s + nowS - held.heardS)
  const base = { ageS, time: value.time, told: value.source_time, quality: value.quality }
  if (value.quality_class === 'bad') return { ...base, q: 'bad', value: null }
  if (value.value === null || !Number.isFinite(value.value)) return { ...base, q: 'missing', value: null }
  const old = ageS > staleAfterS || value.quality === UNCERTAIN_STALE
  return { ...base, q: linkLost || old ? 'stale' : value.quality_class, value: value.value }
}

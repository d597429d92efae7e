/** Numbers of history as text in the present language, with their unit, and qualities as words with their sign. */
import { useI18n } from 'vue-i18n'

import { numberLocale } from '@/i18n'
import { cutPct } from '@/lib/curves'
import { DASH, formatDateTime, formatNumber, formatUnit } from '@/lib/format'
import { reasonOf, signOf } from '@/lib/quality'
import { usePlant } from '@/stores/plant'

export interface Numbers {
  withUnit: (value: number | null | undefined, unit: string) => string
  /** Completeness, never rounded up. */
  pct: (value: number | null | undefined) => string
  /** A share that may be negative. */
  share: (value: number | null | undefined) => string
  quality: (code: number) => string
  at: (time: number | string | null) => string
  range: (from: number | string, to: number | string) => string
}

export function useNumbers(): Numbers {
  const { t } = useI18n()
  const plant = usePlant()
  const at: Numbers['at'] = (time) => (time === null ? DASH : formatDateTime(typeof time === 'number' ? time : Date.parse(time), plant.zone))
  return {
    at, range: (from, to) => `${at(from)} … ${at(to)}`,
    withUnit: (value, unit) => (value === null || value === undefined ? DASH : `${formatNumber(value, unit, numberLocale.value)} ${formatUnit(unit)}`.trim()),
    pct: (value) => (value === null || value === undefined ? DASH : `${formatNumber(cutPct(value), '', numberLocale.value, 1)} %`),
    share: (value) => (value === null || value === undefined ? DASH : `${formatNumber(value, '', numberLocale.value, 1)} %`),
    quality: (code) => `${signOf(code)} ${t(`reason.${reasonOf(code)}`)}`.trim(),
  }
}

/** Figures of accounts as text: money in its currency, CO2 in kilograms or tons, amounts in their unit. */
import { numberLocale } from '@/i18n'
import { useNumbers } from '@/components/useNumbers'
import { DASH, formatNumber, formatUnit } from '@/lib/format'

/** From here on tons. */
const TON_KG = 1000

export interface Figures {
  amount: (value: number | null, unit: string) => string
  money: (value: number | null, currency: string) => string
  /** Price or cost of one unit, with the digits it needs. */
  each: (value: number | null, unit: string) => string
  co2: (kg: number | null) => string
  pct: (value: number | null | undefined) => string
}

export function useFigures(): Figures {
  const { pct } = useNumbers()
  const number = (value: number, digits: number): string => formatNumber(value, '', numberLocale.value, digits)
  return {
    pct,
    amount: (value, unit) => (value === null ? DASH : `${number(value, Math.abs(value) < 100 ? 2 : 0)} ${formatUnit(unit)}`.trim()),
    money: (value, currency) => (value === null ? DASH : `${number(value, 2)} ${currency}`),
    each: (value, unit) => (value === null ? DASH : `${number(value, Math.abs(value) < 1 ? 4 : 2)} ${unit}`),
    co2: (kg) => (kg === null ? DASH : Math.abs(kg) < TON_KG ? `${number(kg, 1)} kg` : `${number(kg / TON_KG, 2)} t`),
  }
}

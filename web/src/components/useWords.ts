/** Values, scopes and limits of set-points in words of the present language. */
import { useI18n } from 'vue-i18n'

import type { Setpoint } from '@/api/types'
import type { Problem } from '@/api/problem'
import { label, numberLocale } from '@/i18n'
import { bareLabel, codeWords } from '@/lib/bind'
import { DASH, formatNumber, formatUnit } from '@/lib/format'
import { usePlant } from '@/stores/plant'

/** The hub's word for an order that it could not write down, so that nothing was done. */
const NOT_NOTED = 'not_noted'

export interface Words {
  /** A number with its unit, and behind a code its word. */
  valueWords: (point: string, value: number | null, unit: string) => string
  /** Name of the device and of the point. */
  nameOf: (point: string) => { device: string; point: string }
  deviceName: (device: string) => string
  /** Scope of an act: everything, a zone, a machine. */
  scopeWords: (scope: string) => string
  /** Why an order was not taken. */
  problemWords: (problem: Problem) => string
  limitWords: (setpoint: Setpoint) => string
}

/** For the setup of a component. */
export function useWords(): Words {
  const { t } = useI18n()
  const plant = usePlant()

  function deviceName(device: string): string {
    const found = plant.deviceById.get(device)
    return found === undefined ? device : label(found.label)
  }

  function nameOf(point: string): { device: string; point: string } {
    const found = plant.pointById.get(point)
    return { device: deviceName(found?.device ?? point.split('/')[1] ?? ''), point: found === undefined ? (point.split('/')[2] ?? point) : bareLabel(label(found.label)) }
  }

  function valueWords(point: string, value: number | null, unit: string): string {
    if (value === null) return DASH
    const found = plant.pointById.get(point)
    const word = found === undefined ? undefined : codeWords(label(found.label)).get(value)
    const number = `${formatNumber(value, unit, numberLocale.value)} ${formatUnit(unit)}`.trim()
    return word === undefined ? number : `${number} · ${word}`
  }

  function scopeWords(scope: string): string {
    if (scope === 'all') return t('scope.all')
    const [kind, id] = scope.split(':')
    if (id !== undefined) return kind === 'zone' ? t('scope.zone', { name: id }) : t('scope.site')
    const [, device, point] = scope.split('/')
    return point === undefined ? deviceName(device ?? scope) : `${deviceName(device ?? '')} · ${nameOf(scope).point}`
  }

  function problemWords(problem: Problem): string {
    const uncertain = problem.status === 0 || (problem.status >= 500 && problem.code !== NOT_NOTED)
    if (uncertain) return t('order.away')
    if (problem.text !== null) return label(problem.text)
    return t('order.notTaken', { detail: problem.message })
  }

  function limitWords(setpoint: Setpoint): string {
    const unit = formatUnit(setpoint.unit)
    const number = (value: number): string => formatNumber(value, setpoint.unit, numberLocale.value)
    return `${number(setpoint.low)} … ${number(setpoint.high)} ${unit}`.trim()
  }

  return { valueWords, nameOf, deviceName, scopeWords, problemWords, limitWords }
}

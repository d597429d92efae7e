/** What is said of one alarm in the present language: what was found, until when nobody is told, how long that lasts. */
import { useI18n } from 'vue-i18n'

import type { Alarm } from '@/api/types'
import { useNumbers } from '@/components/useNumbers'
import { label, numberLocale } from '@/i18n'
import { hubNowMs, useTick } from '@/lib/clock'
import { formatAge, formatNumber, formatUnit } from '@/lib/format'
import { useAlarms } from '@/stores/alarms'
import { usePlant } from '@/stores/plant'

export interface AlarmWords {
  /** The value it was raised with in the unit of its point, and what was found; of an early warning, how long is left. */
  found: (alarm: Alarm) => string
  /** Why it stands where it stands: who holds it, until when, which alarm explains it, who has seen it. */
  note: (alarm: Alarm) => string
}

export function useAlarmWords(): AlarmWords {
  const { t } = useI18n()
  const { at } = useNumbers()
  const plant = usePlant()
  const alarms = useAlarms()
  const tick = useTick()

  /** Time to an instant as text; null once it is over. */
  function left(until: string): string | null {
    void tick.value
    const leftS = (Date.parse(until) - hubNowMs()) / 1000
    return leftS > 0 ? formatAge(leftS, t) : null
  }

  function saying(alarm: Alarm): string {
    const due = alarm.finding.due
    if (due === null || alarm.state === 'rtn_unack') return label(alarm.finding.text)
    const rest = left(due)
    return rest === null ? t('alarms.dueOver', { at: at(due) }) : t('alarms.dueIn', { left: rest })
  }

  function found(alarm: Alarm): string {
    const unit = plant.pointById.get(alarm.about.points[0] ?? '')?.unit ?? ''
    const value = alarm.finding.value === null ? '' : `${formatNumber(alarm.finding.value, unit, numberLocale.value)} ${formatUnit(unit)}`
    return [value.trim(), saying(alarm)].filter((part) => part !== '').join(' · ')
  }

  function held({ by, reason, until }: NonNullable<Alarm['hold']>): string {
    const who = t('alarms.heldBy', { name: by, reason })
    if (until === null) return who
    const rest = left(until)
    return [who, t('alarms.until', { at: at(until) }), ...(rest === null ? [] : [t('alarms.left', { left: rest })])].join(' · ')
  }

  function hiddenBy(cause: string): string {
    if (cause === 'design') return t('alarms.design')
    const known = alarms.list.find((one) => one.id === cause)
    return t('alarms.under', { id: known === undefined ? cause : label(known.about.label) })
  }

  function note(alarm: Alarm): string {
    if (alarm.hold !== null) return held(alarm.hold)
    if (alarm.state === 'suppressed') return hiddenBy(alarm.suppressed_by)
    return alarm.state === 'ack' && alarm.acked_by !== '' ? t('alarms.ackedBy', { name: alarm.acked_by }) : ''
  }
  return { found, note }
}

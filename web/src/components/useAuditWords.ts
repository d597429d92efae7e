/** An entry of the audit in words of the present language. */
import { useI18n } from 'vue-i18n'

import type { AuditEntry } from '@/api/types'
import { useWords } from '@/components/useWords'
import { label } from '@/i18n'
import { formatDateTime } from '@/lib/format'
import { usePlant } from '@/stores/plant'

export interface AuditRow {
  number: number
  type: string
  time: string
  who: string
  source: string
  what: string
  target: string
  /** Id of the target where its name stands in its place. */
  id: string
  old: string
  new: string
  reason: string
  result: string
  bad: boolean
}

const BAD = /^(refused|failed)\b/

/** For the setup of a component. */
export function useAuditWords(): { rowOf: (entry: AuditEntry) => AuditRow } {
  const { t, te } = useI18n()
  const plant = usePlant()
  const { scopeWords } = useWords()

  const known = (key: string, other: string): string => (te(key) ? t(key) : other)

  /** `refused: limits` is the word of the result, and behind it that of the code. */
  function resultWords(result: string): string {
    const [word = '', code] = result.split(': ')
    const shown = known(`audit.results.${word}`, word)
    return code === undefined || code === '' ? shown : t('audit.because', { result: shown, code: known(`code.${code}`, code) })
  }

  function targetWords(entry: AuditEntry): string {
    return entry.category === 'command' ? scopeWords(entry.target) : entry.target
  }

  function sourceWords(entry: AuditEntry): string {
    const source = known(`audit.sources.${entry.source.replace('.', '_')}`, entry.source)
    return entry.token === '' ? source : [source, t('audit.byToken', { token: entry.token })].filter(Boolean).join(' · ')
  }

  function rowOf(entry: AuditEntry): AuditRow {
    const target = targetWords(entry)
    const role = entry.role === '' ? '' : known(`right.${entry.role}`, entry.role)
    return {
      number: entry.number,
      type: entry.type,
      time: formatDateTime(Date.parse(entry.time), plant.zone),
      who: [entry.actor, role].filter(Boolean).join(' · '),
      source: sourceWords(entry),
      what: known(`audit.acts.${entry.category}.${entry.type}`, known(`audit.types.${entry.type}`, entry.type)),
      target,
      id: target === entry.target ? '' : entry.target,
      old: entry.old,
      new: entry.new,
      reason: label(entry.reason_text),
      result: resultWords(entry.result),
      bad: BAD.test(entry.result),
    }
  }

  return { rowOf }
}

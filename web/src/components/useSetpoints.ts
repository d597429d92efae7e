/** Every point that may be written, as the page tells it: value, holder, reason, time left, verdict. */
import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'

import type { Command, Held, Order, Point, Setpoint } from '@/api/types'
import { useReadings } from '@/components/useReadings'
import { useWords } from '@/components/useWords'
import { label } from '@/i18n'
import { hubNowMs, monotonicS, useTick } from '@/lib/clock'
import { endOfMs, newestValue, wantedOf } from '@/lib/facts'
import { formatLeft, formatTime } from '@/lib/format'
import { latchOf } from '@/lib/holding'
import { isAbnormal, verdict, type Verdict } from '@/lib/verdict'
import { useControl, type HeldAt } from '@/stores/control'
import { useLive } from '@/stores/live'
import { usePlant } from '@/stores/plant'

/** Edges repeat their holders each 10 s; one older than this is a memory, s. */
const REPEATED_S = 35
/** Rungs whose holder is a person worth naming. */
const PERSONAL = new Set(['operator', 'stopped', 'locked_out'])

export interface Row {
  setpoint: Setpoint
  point: Point | undefined
  name: string
  /** Rung of the ladder; empty before its edge told. */
  rung: string
  who: string
  why: string
  wanted: string
  left: string
  verdict: Verdict | null
  abnormal: boolean
  readback: string
  at: string
  text: string
  code: string
  /** What it says is a memory: the link is away or the edge silent. */
  old: boolean
  /** The override of a person that is open. */
  override: Order | undefined
  /** Value it has now as far as that is known, for the next order. */
  now: number | null
  whyNot: string
}

export interface Machine {
  device: string
  name: string
  rows: Row[]
  /** Out of service by whom and why; null where it is not. */
  lockedBy: { who: string; why: string } | null
}

/** For the setup of a component. */
export function useSetpoints(): { rows: ComputedRef<Row[]>; machines: (rows: readonly Row[]) => Machine[] } {
  const { t } = useI18n()
  const live = useLive()
  const plant = usePlant()
  const control = useControl()
  const tick = useTick()
  const { readingOf } = useReadings()
  const { nameOf, deviceName, valueWords } = useWords()

  function row(setpoint: Setpoint, command: Command | undefined, nowMs: number): Row {
    const at = control.holders.get(setpoint.id)
    const override = control.overrides.get(setpoint.id)
    const point = plant.pointById.get(setpoint.id)
    const endMs = endOfMs({ held: at?.held, heardMs: at === undefined ? nowMs : nowMs - 1000 * (monotonicS() - at.heardS), command, override })
    return {
      setpoint, point, override,
      name: nameOf(setpoint.id).point,
      ...holder(at?.held),
      wanted: valueWords(setpoint.id, wantedOf(at?.held, command), setpoint.unit),
      left: formatLeft(endMs, nowMs),
      ...told(command, nowMs),
      old: live.lost || isOld(at),
      now: newestValue(readingOf(point), command),
      whyNot: setpoint.why_not === null ? '' : label(setpoint.why_not),
    }
  }

  function holder(held: Held | undefined): Pick<Row, 'rung' | 'who' | 'why'> {
    return held === undefined ? { rung: '', who: '', why: '' } : { rung: held.rung, who: whoOf(held), why: label(held.why_text) }
  }

  function isOld(at: HeldAt | undefined): boolean {
    return at !== undefined && (at.held.old || at.held.age_s + monotonicS() - at.heardS > REPEATED_S)
  }

  function told(command: Command | undefined, nowMs: number): Pick<Row, 'readback' | 'at' | 'text' | 'code' | 'verdict' | 'abnormal'> {
    if (command === undefined) return { readback: '', at: '', text: '', code: '', verdict: null, abnormal: false }
    const judged = verdict(command, nowMs)
    return {
      verdict: judged,
      abnormal: isAbnormal(judged),
      readback: valueWords(command.point, command.readback, command.unit),
      at: command.readback_time === null ? '' : formatTime(Date.parse(command.readback_time), plant.zone),
      text: label(command.text),
      code: command.code ?? '',
    }
  }

  const rows = computed(() => {
    void tick.value
    const nowMs = hubNowMs()
    const commands = new Map(live.running().map((command) => [command.point, command]))
    return control.setpoints.map((setpoint) => row(setpoint, commands.get(setpoint.id), nowMs))
  })

  /** Rows by machine, in the order of the hub: a row that moved away from under the pointer would be clicked by mistake. */
  function machines(shown: readonly Row[]): Machine[] {
    const found = new Map<string, Machine>()
    for (const one of shown) {
      const device = one.setpoint.device
      const machine = found.get(device) ?? { device, name: deviceName(device), rows: [], lockedBy: null }
      machine.rows.push(one)
      const held = control.holders.get(one.setpoint.id)?.held
      if (held?.rung === 'locked_out') machine.lockedBy = { who: latchOf(held).who, why: label(held.why_text) }
      found.set(device, machine)
    }
    return [...found.values()]
  }

  function whoOf(held: Held): string {
    if (!PERSONAL.has(held.rung)) return ''
    const { who } = latchOf(held)
    return who === 'hardwired' ? t('said.hardwired') : who
  }

  return { rows, machines }
}

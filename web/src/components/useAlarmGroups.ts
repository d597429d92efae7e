/** Alarms as they are read: those of a group behind its first, folded while they flood. */
import { computed, reactive, type ComputedRef } from 'vue'

import type { Alarm } from '@/api/types'
import { floodOf, grouped } from '@/lib/alarms'
import { hubNowMs, useTick } from '@/lib/clock'

export interface Fold {
  /** What stands behind the first. */
  rest: readonly Alarm[]
  open: boolean
}

export interface AlarmGroups {
  /** How many were raised within ten minutes, where that is a flood; else 0. */
  flood: ComputedRef<number>
  /** What is in sight, each group together. */
  shown: ComputedRef<Alarm[]>
  /** Groups of more than one, by the id of the first. */
  folds: ComputedRef<ReadonlyMap<string, Fold>>
  /** Open or fold the group behind an alarm. */
  turn: (first: string) => void
}

export function useAlarmGroups(alarms: () => readonly Alarm[]): AlarmGroups {
  const tick = useTick()
  const said = reactive(new Map<string, boolean>())
  const flood = computed(() => {
    void tick.value
    return floodOf(alarms(), hubNowMs())
  })
  const groups = computed(() => grouped(alarms(), flood.value > 0))
  const folds = computed(() => new Map(groups.value.filter((group) => group.rest.length > 0).map(({ first, rest }) => [first.id, { rest, open: said.get(first.id) ?? flood.value === 0 }])))
  const shown = computed(() => groups.value.flatMap(({ first, rest }) => (folds.value.get(first.id)?.open === true ? [first, ...rest] : [first])))
  function turn(first: string): void {
    said.set(first, folds.value.get(first)?.open !== true)
  }
  return { flood, shown, folds, turn }
}

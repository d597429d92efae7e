/** The parts of the site on screen with their live readings and what is worked out from them. */
import { computed, type ComputedRef } from 'vue'

import type { Point } from '@/api/types'
import { useReadings } from '@/components/useReadings'
import { bind, codeWords, standing, type Machine, type Plant, type Standing } from '@/lib/bind'
import { combine, ratio, sum } from '@/lib/combine'
import type { Reading } from '@/lib/reading'
import { label } from '@/i18n'
import { usePlant } from '@/stores/plant'

export interface Derived {
  airPower: Reading
  airFlow: Reading
  specific: Reading
  coolingPower: Reading
  cooling: Reading
  cop: Reading
  supply: Reading
  heat: Reading
  fuel: Reading
  generated: Reading
}

export interface PlantParts {
  parts: ComputedRef<Plant>
  derived: ComputedRef<Derived>
  readingOf: (point: Point | undefined) => Reading
  /** Whether a machine runs, and its state in words of the present language; `local` when it is operated at the machine, `stale` when this is only the last thing heard. */
  standingOf: (machine: Machine) => { is: Standing; word: string; local: boolean; stale: boolean }
}

/** Air flow below which the specific power means nothing, m³/min. */
const LEAST_FLOW_M3_MIN = 1
/** Electric power of cooling below which the coefficient of performance means nothing, kW. */
const LEAST_COOLING_KW = 5

/** For the setup of a component. */
export function usePlantParts(): PlantParts {
  const plant = usePlant()
  const { readingOf } = useReadings()
  const parts = computed(() => bind(plant.devices, plant.points))

  const allOf = (machines: readonly (Machine | undefined)[], part: (machine: Machine) => Point | undefined): Reading[] =>
    machines.flatMap((machine) => {
      const point = machine === undefined ? undefined : part(machine)
      return point === undefined ? [] : [readingOf(point)]
    })

  const derived = computed<Derived>(() => {
    const { compressors, chillers, chp, boiler, pv } = parts.value
    const airPower = sum(allOf(compressors, (one) => one.power))
    const airFlow = sum(allOf(compressors, (one) => one.flow))
    const coolingPower = sum(allOf(chillers, (one) => one.power))
    const cooling = sum(allOf(chillers, (one) => one.cooling))
    return {
      airPower,
      airFlow,
      specific: ratio(airPower, airFlow, LEAST_FLOW_M3_MIN),
      coolingPower,
      cooling,
      cop: ratio(cooling, coolingPower, LEAST_COOLING_KW),
      supply: mixed(allOf(chillers, (one) => one.supply), allOf(chillers, (one) => one.cooling)),
      heat: sum(allOf([chp, boiler], (one) => one.heat)),
      fuel: sum(allOf([chp, boiler], (one) => one.fuel)),
      generated: combine(allOf([pv, chp], (one) => one.power), (powers) => -powers.reduce((a, b) => a + b, 0)),
    }
  })

  function standingOf(machine: Machine): ReturnType<PlantParts['standingOf']> {
    const code = readingOf(machine.state).value
    const text = machine.state?.label
    const word = (told: string | undefined): string | undefined => (told === undefined || code === null ? undefined : codeWords(told).get(code))
    return {
      is: standing(word(text?.en), readingOf(machine.power).value),
      word: word(text === undefined ? undefined : label(text)) ?? '',
      local: readingOf(machine.local).value === 1,
      stale: readingOf(machine.state ?? machine.power).q === 'stale',
    }
  }

  return { parts, derived, readingOf, standingOf }
}

/** Temperature of the common supply: the machines' own, weighted by what each delivers; their mean when none does. */
function mixed(temperatures: readonly Reading[], weights: readonly Reading[]): Reading {
  const n = temperatures.length
  return combine([...temperatures, ...weights], (values) => {
    const loads = values.slice(n).map((load) => Math.max(0, load))
    const total = loads.reduce((a, b) => a + b, 0)
    const share = (i: number): number => (total > 1 ? (loads[i] ?? 0) / total : 1 / n)
    return values.slice(0, n).reduce((mean, c, i) => mean + c * share(i), 0)
  })
}

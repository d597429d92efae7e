/** A fit as a drawing: dots that were measured and curves over one quantity, in the units of a view box. Pure. */
import type { CurvePicture } from '@/api/types'

export interface Drawing {
  width: number
  height: number
  dots: { x: number; y: number }[]
  /** Points of a polyline, by curve. */
  lines: { nominal: string; inUse: string; learnt: string }
  /** Points of a polygon around the fitted curve. */
  band: string
  ticksX: Tick[]
  ticksY: Tick[]
}

export interface Tick {
  at: number
  value: number
}

const WIDTH = 560
const HEIGHT = 260
const LEFT = 46
const BOTTOM = 28
const TOP = 8
const RIGHT = 8
const TICKS = 5

/** Null where there is nothing to draw. */
export function drawingOf(picture: CurvePicture): Drawing | null {
  const xs = [...picture.x, ...picture.dots_x]
  const ys = [...picture.nominal_kw, ...picture.learnt_kw, ...picture.dots_kw]
  if (xs.length === 0 || ys.length === 0) return null
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const [low, high] = [Math.min(0, ...ys), Math.max(...ys) * 1.05]
  const x = (value: number): number => round(LEFT + ((value - left) / Math.max(right - left, 1e-9)) * (WIDTH - LEFT - RIGHT))
  const y = (value: number): number => round(HEIGHT - BOTTOM - ((value - low) / Math.max(high - low, 1e-9)) * (HEIGHT - BOTTOM - TOP))
  const places = (values: readonly number[]): string[] => picture.x.flatMap((place, i) => {
    const value = values[i]
    return value === undefined ? [] : [`${x(place)},${y(value)}`]
  })
  const line = (values: readonly number[]): string => places(values).join(' ')
  const edge = (sign: number): number[] => picture.learnt_kw.map((value, i) => value + sign * (picture.band_kw[i] ?? 0))
  return {
    width: WIDTH, height: HEIGHT,
    dots: picture.dots_x.map((place, i) => ({ x: x(place), y: y(picture.dots_kw[i] ?? 0) })),
    lines: { nominal: line(picture.nominal_kw), inUse: line(picture.in_use_kw), learnt: line(picture.learnt_kw) },
    band: [...places(edge(1)), ...places(edge(-1)).reverse()].join(' '),
    ticksX: ticks(left, right).map((value) => ({ at: x(value), value })),
    ticksY: ticks(low, high).map((value) => ({ at: y(value), value })),
  }
}

function ticks(low: number, high: number): number[] {
  return Array.from({ length: TICKS }, (_, i) => low + ((high - low) * i) / (TICKS - 1))
}
const round = (value: number): number => Math.round(value * 10) / 10

/** Where things stand in the picture; all lengths in units of the drawing. */
export const WIDTH = 1200
export const BOX = { w: 210, h: 78 } as const
export const ROW = { h: 58, gap: 8 } as const

export interface Layout {
  height: number
  /** Top of each box on the left, in order. */
  sources: number[]
  compressors: number[]
  chillers: number[]
  air: { top: number; bottom: number; mid: number }
  cold: { top: number; bottom: number; mid: number }
  loads: number
  heat: number
  bus: { top: number; bottom: number }
}

const TOP = 12
const SPACE = 22

function stack(top: number, count: number): { tops: number[]; bottom: number } {
  const tops = Array.from({ length: count }, (_, i) => top + i * (ROW.h + ROW.gap))
  // A group without machines still keeps the room of one, so that nothing lies on top of another.
  return { tops, bottom: top + Math.max(1, count) * (ROW.h + ROW.gap) - ROW.gap }
}

/** Lay the picture out for so many machines; `electric` boxes stand on the power bus, the boiler below them. */
export function layout(compressors: number, chillers: number, electric: number): Layout {
  const air = stack(TOP, compressors)
  const cold = stack(air.bottom + SPACE, chillers)
  const loads = cold.bottom + SPACE
  const span = loads + BOX.h - TOP
  const step = Math.max(BOX.h + 12, (span - BOX.h) / Math.max(1, electric - 1))
  const sources = Array.from({ length: electric }, (_, i) => TOP + i * step)
  const last = sources.at(-1) ?? TOP
  const heat = Math.max(loads, last) + BOX.h + SPACE
  const middle = (top: number, bottom: number): { top: number; bottom: number; mid: number } => ({ top, bottom, mid: (top + bottom) / 2 })
  return {
    height: heat + BOX.h + TOP,
    sources,
    compressors: air.tops,
    chillers: cold.tops,
    air: middle(TOP, air.bottom),
    cold: middle(air.bottom + SPACE, cold.bottom),
    loads,
    heat,
    bus: { top: TOP, bottom: Math.max(loads, last) + BOX.h },
  }
}

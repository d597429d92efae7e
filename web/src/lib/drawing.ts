/** What is drawn over the lines of a chart by hand: where nothing was measured, where something is doubtful, what a rule marks. */
import type uPlot from 'uplot'

import { stretches, type Line } from '@/lib/curves'
import { penOf } from '@/lib/pens'
import { classOf } from '@/lib/quality'

/** Height of the strip of one line, CSS px. */
export const STRIP = 7
const INK = '#1b2127'
const PART = '#98a1a9'
const SIGN_EVERY = 14

/** Under the lines one strip each: hatched where nothing is covered, grey where a part is, with a sign where a sample was doubtful or bad. */
export function drawStrips(plot: uPlot, lines: readonly Line[]): void {
  const { ctx } = plot
  const px = devicePixelRatio
  ctx.save()
  ctx.font = `${String(9 * px)}px system-ui, sans-serif`
  ctx.textBaseline = 'middle'
  lines.forEach((line, number) => {
    if (line.complete === null) return
    const top = plot.bbox.top + plot.bbox.height - (lines.length - number) * STRIP * px
    drawStrip(plot, line, top, (STRIP - 1) * px)
  })
  ctx.restore()
}

function drawStrip(plot: uPlot, line: Line, top: number, height: number): void {
  const { ctx } = plot
  const times = plot.data[0]
  let signedTo = -Infinity
  for (const stretch of stretches(line)) {
    const left = plot.valToPos(times[stretch.from] ?? 0, 'x', true)
    const width = Math.max(devicePixelRatio, plot.valToPos(times[stretch.to] ?? 0, 'x', true) - left)
    if (stretch.kind === 'empty') hatch(ctx, left, top, width, height)
    else {
      ctx.fillStyle = PART
      ctx.fillRect(left, top, width, height)
    }
    const sign = { empty: '', part: '', uncertain: '?', bad: '×' }[stretch.kind]
    if (sign === '' || left < signedTo) continue
    ctx.fillStyle = INK
    ctx.fillText(sign, left, top + height / 2)
    signedTo = left + SIGN_EVERY * devicePixelRatio
  }
}

function hatch(ctx: CanvasRenderingContext2D, left: number, top: number, width: number, height: number): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, top, width, height)
  ctx.clip()
  ctx.strokeStyle = INK
  ctx.lineWidth = devicePixelRatio
  ctx.beginPath()
  for (let x = left - height; x < left + width; x += 4 * devicePixelRatio) {
    ctx.moveTo(x, top + height)
    ctx.lineTo(x + height, top)
  }
  ctx.stroke()
  ctx.restore()
}

/** Single samples that a rule marks, where they were measured. */
export function drawMarks(plot: uPlot, lines: readonly Line[]): void {
  const { ctx } = plot
  const size = 4 * devicePixelRatio
  ctx.save()
  ctx.lineWidth = 1.5 * devicePixelRatio
  for (const line of lines) {
    if (line.complete !== null) continue
    ctx.strokeStyle = penOf(line.pen).colour
    line.worst.forEach((code, i) => {
      const value = line.values[i]
      if (classOf(code) === 'good' || value === null || value === undefined) return
      const x = plot.valToPos(plot.data[0][i] ?? 0, 'x', true)
      const y = plot.valToPos(value, 'y', true)
      ctx.beginPath()
      ctx.moveTo(x - size, y - size)
      ctx.lineTo(x + size, y + size)
      ctx.moveTo(x - size, y + size)
      ctx.lineTo(x + size, y - size)
      ctx.stroke()
    })
  }
  ctx.restore()
}

/** Widths of SVG text, which cannot shorten itself. */

const WIDE = /[\u2e80-\uffff]/
let pen: CanvasRenderingContext2D | null | undefined

/** Width of `text` in px in the page's type of this size and weight; an estimate on the wide side where nothing can be measured. */
export function textWidth(text: string, size: number, weight = 400): number {
  pen ??= document.createElement('canvas').getContext('2d')
  if (pen === null) return [...text].reduce((sum, char) => sum + (WIDE.test(char) ? 1 : 0.62) * size, 0)
  pen.font = `${String(weight)} ${String(size)}px ${getComputedStyle(document.body).fontFamily || 'sans-serif'}`
  return pen.measureText(text).width
}

/** `text`, cut with an ellipsis to fit into `room` px. */
export function fit(text: string, room: number, size: number, weight = 400): string {
  if (textWidth(text, size, weight) <= room) return text
  const chars = [...text]
  while (chars.length > 1 && textWidth(`${chars.join('')}…`, size, weight) > room) chars.pop()
  return `${chars.join('').trimEnd()}…`
}

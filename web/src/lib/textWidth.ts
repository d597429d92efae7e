/** Widths of SVG text, which cannot shorten itself. Estimates, on the wide side. */

const WIDE = /[\u2e80-\uffff]/

/** Width of `text` in `size` px type: Chinese characters are square, others about 0.55 of that. */
export function textWidth(text: string, size: number): number {
  return [...text].reduce((sum, char) => sum + (WIDE.test(char) ? 1 : 0.55) * size, 0)
}

/** `text`, cut with an ellipsis to fit into `room` px. */
export function fit(text: string, room: number, size: number): string {
  if (textWidth(text, size) <= room) return text
  const chars = [...text]
  while (chars.length > 1 && textWidth(`${chars.join('')}…`, size) > room) chars.pop()
  return `${chars.join('').trimEnd()}…`
}

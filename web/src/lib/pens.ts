/** The pens of a chart: each has a colour and a dash of its own, dark enough for a grey ground (3:1). Pure. */
export interface Pen {
  colour: string
  dash: readonly number[]
}

const INKS: readonly Pen[] = [
  { colour: '#1b2127', dash: [] },
  { colour: '#1f5f99', dash: [] },
  { colour: '#8a4b08', dash: [7, 3] },
  { colour: '#2f6b3a', dash: [2, 2] },
  { colour: '#6b3f7a', dash: [9, 3, 2, 3] },
  { colour: '#8b2d3a', dash: [4, 2] },
  { colour: '#2e6a70', dash: [12, 4] },
  { colour: '#6b5d14', dash: [1, 3] },
]
const FIRST: Pen = { colour: '#1b2127', dash: [] }

export const penOf = (number: number): Pen => INKS[number % INKS.length] ?? FIRST

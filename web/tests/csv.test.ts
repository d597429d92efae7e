import { expect, test } from 'vitest'
import { csvOf } from '@/lib/csv'

const FORMULAS = ['=1+1', '+a', '-a', '@SUM(A1)', '\t=1', ' =1', '\uFEFF=1', '\uFF1D1', '\uFF0Da', "-1+cmd|' /C calc'!A0"]

test.each(FORMULAS)('a text that could be taken for a formula is a text: %j', (text) => {
  expect(csvOf(['a'], [[text]])).toContain(`'${text}`)
})

test.each(['-1.5', '+3', '1,5', '12%', '更换机油', 'a=b', '', '-1,234.5'])('what is none stays as it is: %j', (text) => {
  expect(csvOf(['a'], [[text]])).not.toContain("'")
})

test('numbers and what is not there are no texts', () => {
  expect(csvOf(['a', 'b'], [[-1.5, null]])).toBe('a,b\r\n-1.5,\r\n')
})

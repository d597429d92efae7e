/** A table that becomes one block a row on a phone: each cell then says what its column is. */
import type { Directive } from 'vue'

function stack(table: HTMLTableElement): void {
  table.classList.add('stack')
  const heads = [...table.querySelectorAll('thead th')].map((head) => (head.querySelector('.visually-hidden') === null ? (head.textContent ?? '').trim() : ''))
  for (const row of table.querySelectorAll('tbody tr')) {
    [...row.children].forEach((cell, at) => {
      const head = cell.hasAttribute('colspan') || cell.tagName === 'TH' ? '' : (heads[at] ?? '')
      if (head === '') cell.removeAttribute('data-label')
      else if (cell.getAttribute('data-label') !== head) cell.setAttribute('data-label', head)
    })
  }
}

/** `v-stack` on a table; the looks stand in style.css. */
export const vStack: Directive<HTMLTableElement> = { mounted: stack, updated: stack }

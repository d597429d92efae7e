import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import { defineComponent, h, withDirectives } from 'vue'

import { vStack } from '@/components/stack'

const Table = defineComponent({
  props: { head: { type: String, required: true }, rows: { type: Number, required: true } },
  setup: (props) => () => withDirectives(h('table', [
    h('thead', h('tr', [h('th', 'Name'), h('th', props.head), h('th', h('span', { class: 'visually-hidden' }, 'Acts'))])),
    h('tbody', Array.from({ length: props.rows }, (_, n) => h('tr', { key: n }, [h('th', 'main'), h('td', '5 kWh'), h('td', 'end')]))),
  ]), [[vStack]]),
})

describe('a table that becomes blocks on a phone', () => {
  it('says in each cell what its column is, also in rows and words that come later', async () => {
    const table = mount(Table, { props: { head: 'Amount', rows: 1 } })
    const labels = (): (string | undefined)[] => table.findAll('tbody td').map((cell) => cell.attributes('data-label'))
    expect(labels()).toEqual(['Amount', undefined])
    await table.setProps({ head: '数量', rows: 2 })
    expect(labels()).toEqual(['数量', undefined, '数量', undefined])
    expect(table.find('tbody th').attributes('data-label')).toBeUndefined()
    expect(table.classes()).toContain('stack')
  })
})

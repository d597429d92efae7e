import { afterEach, describe, expect, it } from 'vitest'

import { Problem } from '@/api/problem'
import { firstLang, lang, whyNot } from '@/i18n'
import en from '@/i18n/en.json'
import zh from '@/i18n/zh.json'

type Tree = { [key: string]: string | Tree }

function flat(tree: Tree, before = ''): Map<string, string> {
  return new Map(Object.entries(tree).flatMap(([key, value]) => (typeof value === 'string' ? [[before + key, value] as const] : [...flat(value, `${before}${key}.`)])))
}

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort()

describe('page texts', () => {
  it('have the same keys in both languages', () => {
    expect([...flat(zh).keys()].sort()).toEqual([...flat(en).keys()].sort())
  })

  it('name the same placeholders in both languages', () => {
    const chinese = flat(zh)
    for (const [key, text] of flat(en)) expect(placeholders(chinese.get(key) ?? ''), key).toEqual(placeholders(text))
  })

  it('are never empty', () => {
    for (const [key, text] of [...flat(en), ...flat(zh)]) expect(text.trim(), key).not.toBe('')
  })
})

describe('the first language', () => {
  it('is the kept one, else the browser\'s, else English', () => {
    expect(firstLang('zh', 'en-US')).toBe('zh')
    expect(firstLang(null, 'zh-TW')).toBe('zh')
    expect(firstLang('fr', 'de-DE')).toBe('en')
  })
})

describe('a refusal of the hub', () => {
  afterEach(() => {
    lang.value = 'en'
  })
  const body = { detail: 'there is no such plan', text: { en: 'there is no such plan', zh: '没有该计划' }, code: 'plan' }

  it('is said in the present language', () => {
    const problem = Problem.from(404, body)
    expect([whyNot(problem), problem.code]).toEqual(['there is no such plan', 'plan'])
    lang.value = 'zh'
    expect(whyNot(problem)).toBe('没有该计划')
    expect(whyNot(Problem.away('Failed to fetch'))).toBe('中心端无响应。')
  })

  it('is said as it came where something between says it', () => {
    lang.value = 'zh'
    expect(whyNot(Problem.from(502, '<html>bad gateway</html>'))).toBe('HTTP 502')
  })
})

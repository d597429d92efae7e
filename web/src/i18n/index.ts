/** The two languages of the page. Texts are chunks of their own; Naive's words and the `lang` attribute go with them. */
import { computed, ref, shallowRef } from 'vue'
import type { NDateLocale, NLocale } from 'naive-ui'
import { createI18n } from 'vue-i18n'

import type { Problem } from '@/api/problem'
import type { Text } from '@/api/types'

export type Lang = 'en' | 'zh'
export const LANGS: readonly Lang[] = ['en', 'zh']
const KEY = 'ems.lang'

export const i18n = createI18n({ legacy: false, locale: 'en', fallbackLocale: false, missingWarn: true, messages: {} })

export const lang = ref<Lang>('en')
/** The locale for numbers. */
export const numberLocale = computed(() => (lang.value === 'zh' ? 'zh-CN' : 'en-GB'))
export const naiveLocale = shallowRef<{ words: NLocale; dates: NDateLocale } | null>(null)

/** The language kept from last time, else the browser's, else English. */
export function firstLang(kept: string | null, browser: string): Lang {
  if (kept === 'en' || kept === 'zh') return kept
  return browser.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

/** Switch page texts, Naive's texts and the document's `lang` together. */
export async function setLang(next: Lang): Promise<void> {
  const [words, naive] = await Promise.all([loadWords(next), loadNaive(next)])
  i18n.global.setLocaleMessage(next, words)
  i18n.global.locale.value = next
  naiveLocale.value = naive
  lang.value = next
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en'
  localStorage.setItem(KEY, next)
}

/** Load the first language; the page is mounted after it. */
export async function startLang(): Promise<void> {
  await setLang(firstLang(localStorage.getItem(KEY), navigator.language))
}

/** The label of a thing of the plant in the present language. */
export function label(text: Text): string {
  return text[lang.value]
}

/** Why the hub said no, in the present language; what is not the hub's own says it as it came. */
export function whyNot(problem: Problem): string {
  return problem.text === null ? problem.message : label(problem.text)
}

async function loadWords(next: Lang): Promise<Record<string, unknown>> {
  const module = next === 'zh' ? await import('@/i18n/zh.json') : await import('@/i18n/en.json')
  return module.default
}

async function loadNaive(next: Lang): Promise<{ words: NLocale; dates: NDateLocale } | null> {
  if (next === 'en') return null
  const module = await import('@/i18n/naiveZh')
  return { words: module.zhCN, dates: module.dateZhCN }
}

/** What the page of trends shows: the chosen points, their windows or samples, and the window that is looked into. */
import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'
import { useRoute } from 'vue-router'

import { client, unwrap } from '@/api/client'
import type { Point, Samples, Series } from '@/api/types'
import { useAsk, type Asked } from '@/components/useAsk'
import { useSpan, type Spanned } from '@/components/useSpan'
import { label } from '@/i18n'
import { bareLabel } from '@/lib/bind'
import { PENS, rowsOf, sampleChart, totalOf, windowChart, type Chart, type Row, type Total } from '@/lib/curves'
import { bounds, cutQuery, listOf } from '@/lib/span'
import { usePlant } from '@/stores/plant'

/** A sample looked into alone: so much around it, ms. */
const AROUND_MS = 60_000

export type Answer = { kind: 'windows'; series: Series } | { kind: 'samples'; samples: Samples[] }
export interface Picked { id: string; fromMs: number; toMs: number }
export interface UnitChart extends Chart { unit: string; title: string }

export interface Trends extends Spanned, Asked<Answer> {
  chosen: ComputedRef<Point[]>
  ids: ComputedRef<string[]>
  nameOf: (id: string) => string
  toggle: (id: string) => void
  charts: ComputedRef<UnitChart[]>
  totals: ComputedRef<{ point: Point; name: string; total: Total | null }[]>
  /** The point whose windows are listed. */
  active: Ref<string>
  windows: ComputedRef<Row[]>
  picked: Ref<Picked | null>
  pickAt: (unit: string, ms: number) => void
  pixels: Ref<number>
}

export function useTrends(): Trends {
  const plant = usePlant()
  const route = useRoute()
  const spanned = useSpan()
  const { span, cut, say } = spanned
  const pixels = ref(1200)
  const active = ref('')
  const picked = ref<Picked | null>(null)

  const chosen = computed(() => listOf(route.query.p).flatMap((name) => plant.pointById.get(`${plant.siteId}/${name}`) ?? []).slice(0, PENS))
  const ids = computed(() => chosen.value.map((point) => point.id))
  function nameOf(id: string): string {
    const point = plant.pointById.get(id)
    const device = point === undefined ? undefined : plant.deviceById.get(point.device)
    return point === undefined ? id : `${device === undefined ? point.device : label(device.label)} · ${bareLabel(label(point.label))}`
  }
  function toggle(id: string): void {
    const rest = ids.value.filter((one) => one !== id)
    const next = rest.length < ids.value.length ? rest : [...rest, id].slice(0, PENS)
    say({ p: next.length > 0 ? next.map((one) => one.slice(plant.siteId.length + 1)).join(',') : undefined })
  }

  function ask(): Promise<Answer> | null {
    if (ids.value.length === 0) return null
    return cut.value === 'raw' ? samples() : windowsOf()
  }
  async function windowsOf(): Promise<Answer> {
    const query = { point: ids.value, ...bounds(span.value), ...cutQuery(cut.value, pixels.value) }
    return { kind: 'windows', series: await unwrap(client.GET('/api/v1/sites/{site}/series', { params: { path: { site: plant.siteId }, query } })) }
  }
  async function samples(): Promise<Answer> {
    const asks = ids.value.map((point) => unwrap(client.GET('/api/v1/sites/{site}/samples', { params: { path: { site: plant.siteId }, query: { point, ...bounds(span.value) } } })))
    return { kind: 'samples', samples: await Promise.all(asks) }
  }
  const asked = useAsk(ask, [() => ids.value.join(), () => span.value.fromMs, () => span.value.toMs, cut])

  const chart = computed<Chart>(() => {
    const got = asked.data.value
    if (got === null) return { times: [], lines: [] }
    const pen = (id: string): number => ids.value.indexOf(id)
    if (got.kind === 'samples') return sampleChart(got.samples.filter((one) => pen(one.point) >= 0).map((one) => ({ samples: one, pen: pen(one.point), name: nameOf(one.point) })), span.value.toMs)
    return windowChart(got.series, got.series.points.filter((row) => pen(row.point) >= 0).map((row) => ({ row, pen: pen(row.point), name: nameOf(row.point) })))
  })
  const charts = computed(() => [...new Set(chart.value.lines.map((line) => line.unit))].map((unit) => {
    const lines = chart.value.lines.filter((line) => line.unit === unit)
    return { times: chart.value.times, lines, unit, title: lines.map((line) => line.name).join(', ') }
  }))
  const rows = computed(() => {
    const got = asked.data.value
    if (got?.kind !== 'windows') return new Map<string, { rows: Row[]; completeness: number }>()
    return new Map(got.series.points.map((row) => [row.point, { rows: rowsOf(got.series.edges_ms, row), completeness: row.completeness_pct }]))
  })
  const totals = computed(() => chosen.value.map((point) => {
    const known = rows.value.get(point.id)
    return { point, name: nameOf(point.id), total: known === undefined ? null : totalOf(known.rows, known.completeness) }
  }))
  watch(ids, (now) => {
    if (!now.includes(active.value)) active.value = now[0] ?? ''
    if (picked.value !== null && !now.includes(picked.value.id)) picked.value = null
  }, { immediate: true })
  const windows = computed(() => rows.value.get(active.value)?.rows ?? [])

  function pickAt(unit: string, ms: number): void {
    const mine = chosen.value.filter((point) => point.unit === unit)
    const id = (mine.find((point) => point.id === active.value) ?? mine[0])?.id
    if (id === undefined) return
    const row = rows.value.get(id)?.rows.find((one) => one.fromMs <= ms && ms < one.toMs)
    active.value = id
    picked.value = row === undefined ? { id, fromMs: ms - AROUND_MS, toMs: ms + AROUND_MS } : { id, fromMs: row.fromMs, toMs: row.toMs }
  }
  return { ...spanned, ...asked, chosen, ids, nameOf, toggle, charts, totals, active, windows, picked, pickAt, pixels }
}

/** Alarms of the site that is followed: what is so, whether anybody watches, what a person did, and the horn. */
import { defineStore } from 'pinia'
import { computed, ref, shallowReactive, shallowRef } from 'vue'

import { client, unwrap } from '@/api/client'
import type { Alarm, AlarmAct, NewAlarmAct } from '@/api/types'
import { sorted, sounds, unacked } from '@/lib/alarms'
import { armHorn, soundHorn } from '@/lib/horn'
import { useSession } from '@/stores/session'

const MUTE_MS = 300_000

export const useAlarms = defineStore('alarms', () => {
  const session = useSession()
  const held = shallowReactive(new Map<string, Alarm>())
  const site = ref('')
  /** True once the hub has answered. */
  const known = ref(false)
  /** Whether the watch goes on, as far as this page knows. */
  const up = ref(false)
  const watched = ref<string | null>(null)
  /** Whether this page hears of changes. */
  const linked = ref(false)
  const sound = ref<'off' | 'on' | 'muted'>('off')
  /** When an alarm was over last, of those this page saw go. */
  const lastOver = shallowRef<string | null>(null)
  let unmute: ReturnType<typeof setTimeout> | undefined

  const list = computed(() => sorted(held.values()))
  const counts = computed(() => unacked(list.value))
  const may = computed(() => session.rights.includes('command'))

  /** Read all that are not normal. @throws {Problem} */
  async function load(): Promise<void> {
    const asked = site.value
    if (asked === '') return
    const got = await unwrap(client.GET('/api/v1/sites/{site}/alarms', { params: { path: { site: asked } } }))
    if (site.value !== asked) return
    held.clear()
    for (const alarm of got.alarms) held.set(alarm.id, alarm)
    up.value = got.up
    watched.value = got.watched
    known.value = true
    linked.value = true
  }

  /** Alarms that are otherwise now; a new urgent one sounds the horn once. */
  function take(changed: readonly Alarm[]): void {
    const loud = changed.some((alarm) => sounds(held.get(alarm.id), alarm))
    for (const alarm of changed) {
      if (alarm.state === 'normal') held.delete(alarm.id)
      else held.set(alarm.id, alarm)
      if (alarm.cleared !== null && (lastOver.value === null || alarm.cleared > lastOver.value)) lastOver.value = alarm.cleared
    }
    if (loud && sound.value === 'on') soundHorn()
  }

  function watchIs(watch: { up: boolean; watched: string | null }): void {
    up.value = watch.up
    if (watch.watched !== null) watched.value = watch.watched
    linked.value = true
  }

  function lost(): void {
    linked.value = false
  }

  /** Ask for something; it is written down when this answers. @throws {Problem} with the hub's sentence. */
  async function act(ask: NewAlarmAct): Promise<AlarmAct[]> {
    return unwrap(client.POST('/api/v1/sites/{site}/alarms/acts', { params: { path: { site: site.value } }, body: ask }))
  }

  /** What became of an act. @throws {Problem} */
  async function look(ident: string): Promise<AlarmAct> {
    return unwrap(client.GET('/api/v1/sites/{site}/alarms/acts/{ident}', { params: { path: { site: site.value, ident } } }))
  }

  /** Off, on, muted for 5 minutes, on again; call it from a click. */
  function turnSound(): void {
    armHorn()
    clearTimeout(unmute)
    if (sound.value !== 'on') {
      sound.value = 'on'
      return
    }
    sound.value = 'muted'
    unmute = setTimeout(() => (sound.value = 'on'), MUTE_MS)
  }

  function open(id: string): void {
    close()
    site.value = id
    void load().catch(() => undefined) // the page says it; the next beat of the socket reads again
  }

  function close(): void {
    site.value = ''
    held.clear()
    known.value = up.value = linked.value = false
    watched.value = null
  }

  return { list, counts, may, known, up, watched, linked, sound, lastOver, load, take, watchIs, lost, act, look, turnSound, open, close }
})

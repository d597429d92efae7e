/** What changes rarely: the sites, and the devices, points and plan of the site on screen. */
import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'

import { client, unwrap } from '@/api/client'
import { Problem } from '@/api/problem'
import type { Device, Plan, Point, Site } from '@/api/types'

export const usePlant = defineStore('plant', () => {
  const sites = shallowRef<Site[]>([])
  const siteId = ref('')
  const devices = shallowRef<Device[]>([])
  const points = shallowRef<Point[]>([])
  const plan = shallowRef<Plan | null>(null)
  /** True once the hub has answered, with a plan or with "none". */
  const planKnown = ref(false)
  const problem = shallowRef<Problem | null>(null)
  const ready = ref(false)

  const site = computed(() => sites.value.find((one) => one.id === siteId.value))
  const zone = computed(() => site.value?.time_zone ?? 'UTC')
  const pointById = computed(() => new Map(points.value.map((point) => [point.id, point])))
  const deviceById = computed(() => new Map(devices.value.map((device) => [device.id, device])))

  /** The sites this person may see. @throws {Problem} */
  async function loadSites(): Promise<void> {
    sites.value = await unwrap(client.GET('/api/v1/sites'))
  }

  /** Devices, points and plan of `id`; a failure is kept in `problem` for the page to show. */
  async function open(id: string): Promise<void> {
    if (siteId.value !== id) clear()
    siteId.value = id
    const params = { path: { site: id } }
    try {
      if (sites.value.length === 0) await loadSites()
      const [gotDevices, gotPoints] = await Promise.all([
        unwrap(client.GET('/api/v1/sites/{site}/devices', { params })),
        unwrap(client.GET('/api/v1/sites/{site}/points', { params })),
      ])
      if (siteId.value !== id) return
      devices.value = gotDevices
      points.value = gotPoints
      problem.value = null
      ready.value = true
      await loadPlan()
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  function clear(): void {
    devices.value = []
    points.value = []
    plan.value = null
    planKnown.value = false
    ready.value = false
  }

  /** The plan in force; "no plan yet" (404) is an answer, any other failure leaves the old plan. */
  async function loadPlan(): Promise<void> {
    const id = siteId.value
    try {
      const got = await unwrap(client.GET('/api/v1/sites/{site}/plan', { params: { path: { site: id } } }))
      if (siteId.value === id) plan.value = got
    } catch (error) {
      if (asProblem(error).status !== 404) return
      if (siteId.value === id) plan.value = null
    }
    planKnown.value = true
  }

  return { sites, siteId, site, zone, devices, points, pointById, deviceById, plan, planKnown, problem, ready, loadSites, open, loadPlan }
})

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  throw error
}

/** The login, and per site its overview, its edges and its audit; the site stands in the address so that a view can be shared. */
import { createRouter, createWebHistory, type RouteLocationNormalized, type RouteLocationRaw } from 'vue-router'

import { Problem } from '@/api/problem'
import { usePlant } from '@/stores/plant'
import { useSession } from '@/stores/session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', name: 'login', component: () => import('@/pages/LoginPage.vue'), meta: { open: true } },
    { path: '/', name: 'home', component: () => import('@/pages/HomePage.vue') },
    { path: '/sites/:site', name: 'overview', component: () => import('@/pages/OverviewPage.vue'), props: true },
    { path: '/sites/:site/edges', name: 'edges', component: () => import('@/pages/EdgesPage.vue'), props: true },
    { path: '/sites/:site/audit', name: 'audit', component: () => import('@/pages/AuditPage.vue'), props: true },
    { path: '/:rest(.*)*', redirect: { name: 'home' } },
  ],
})

async function signedIn(): Promise<boolean> {
  const session = useSession()
  if (session.signedIn) return true
  try {
    return await session.renew()
  } catch (error) {
    // Hub not reached: the login page says so.
    if (error instanceof Problem) return false
    throw error
  }
}

async function firstSite(): Promise<RouteLocationRaw | true> {
  const plant = usePlant()
  try {
    if (plant.sites.length === 0) await plant.loadSites()
  } catch (error) {
    if (error instanceof Problem) return true
    throw error
  }
  const first = plant.sites[0]
  return first === undefined ? true : { name: 'overview', params: { site: first.id } }
}

router.beforeEach(async (to: RouteLocationNormalized) => {
  if (to.meta.open === true) return true
  if (!(await signedIn())) return { name: 'login', query: { next: to.fullPath } }
  return to.name === 'home' ? await firstSite() : true
})

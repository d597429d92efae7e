/** The login, and per site its pages: overview, alarms, trends, balances, edges, configuration, system, people, audit; the site stands in the address so that a view can be shared. */
import { createRouter, createWebHistory, type RouteLocationNormalized, type RouteLocationRaw } from 'vue-router'

import { Problem } from '@/api/problem'
import { useLive } from '@/stores/live'
import { usePlant } from '@/stores/plant'
import { useSession } from '@/stores/session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', name: 'login', component: () => import('@/pages/LoginPage.vue'), meta: { open: true } },
    { path: '/', name: 'home', component: () => import('@/pages/HomePage.vue') },
    { path: '/sites/:site', name: 'overview', component: () => import('@/pages/OverviewPage.vue'), props: true },
    { path: '/sites/:site/alarms', name: 'alarms', component: () => import('@/pages/AlarmsPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/trends', name: 'trends', component: () => import('@/pages/TrendsPage.vue'), props: true },
    { path: '/sites/:site/balances', name: 'balances', component: () => import('@/pages/BalancesPage.vue'), props: true },
    { path: '/sites/:site/energy', name: 'energy', component: () => import('@/pages/EnergyPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/forecast', name: 'forecast', component: () => import('@/pages/ForecastPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/curves', name: 'curves', component: () => import('@/pages/CurvesPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/edges', name: 'edges', component: () => import('@/pages/EdgesPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/configuration', name: 'configuration', component: () => import('@/pages/ConfigurationPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/system', name: 'system', component: () => import('@/pages/SystemPage.vue'), props: true },
    { path: '/sites/:site/reports', name: 'reports', component: () => import('@/pages/ReportsPage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/people', name: 'people', component: () => import('@/pages/PeoplePage.vue'), props: true, meta: { still: true } },
    { path: '/sites/:site/audit', name: 'audit', component: () => import('@/pages/AuditPage.vue'), props: true, meta: { still: true } },
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

// A page without live values on it is sent none.
router.afterEach((to) => {
  useLive().show(to.meta.still !== true)
})

router.beforeEach(async (to: RouteLocationNormalized) => {
  if (to.meta.open === true) return true
  if (!(await signedIn())) return { name: 'login', query: { next: to.fullPath } }
  return to.name === 'home' ? await firstSite() : true
})

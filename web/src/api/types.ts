/** Names for the answers of the hub, taken from the generated schema so that a change there breaks the build here. */
import type { paths } from '@/api/schema'

type Body<T> = T extends { content: { 'application/json': infer B } } ? B : never
type Answer<P extends keyof paths> = paths[P] extends { get: { responses: { 200: infer R } } } ? Body<R> : never
type Item<T> = T extends readonly (infer U)[] ? U : never

export type Site = Item<Answer<'/api/v1/sites'>>
export type Device = Item<Answer<'/api/v1/sites/{site}/devices'>>
export type Point = Item<Answer<'/api/v1/sites/{site}/points'>>
export type Value = Item<Answer<'/api/v1/sites/{site}/values'>>
export type History = Answer<'/api/v1/sites/{site}/history'>
export type Series = Answer<'/api/v1/sites/{site}/series'>
export type PointSeries = Series['points'][number]
export type Samples = Answer<'/api/v1/sites/{site}/samples'>
export type Consumption = Answer<'/api/v1/sites/{site}/consumption'>
export type BalanceName = Item<Answer<'/api/v1/sites/{site}/balances'>>
export type Balance = Answer<'/api/v1/sites/{site}/balance'>
export type SiteArea = Item<Answer<'/api/v1/sites/{site}/areas'>>
export type System = Answer<'/api/v1/sites/{site}/system'>
export type Health = Answer<'/api/v1/health'>
export type ConfigVersion = Item<Answer<'/api/v1/sites/{site}/configuration'>>
export type ConfigChange = Item<Answer<'/api/v1/sites/{site}/configuration/{version}/changes'>>
export type ConfigDocument = Item<Answer<'/api/v1/sites/{site}/configuration/{version}/documents'>>
export type ConfigState = Answer<'/api/v1/sites/{site}/configuration/state'>
export type ConfigOfEdge = ConfigState['edges'][number]
export type ConfigChecked = Body<paths['/api/v1/sites/{site}/configuration/check']['post']['responses'][200]>
export type ConfigAccepted = Body<paths['/api/v1/sites/{site}/configuration']['post']['responses'][201]>
export type ConfigFault = ConfigChecked['faults'][number]
export type ConfigEffect = ConfigChecked['effects'][number]
export type Plan = Answer<'/api/v1/sites/{site}/plan'>
export type PlanSeries = Plan['series'][number]
export type PlanReport = Answer<'/api/v1/sites/{site}/plans/{ident}'>
export type PlanWhy = Answer<'/api/v1/sites/{site}/plans/{ident}/why'>
export type Forecast = Answer<'/api/v1/sites/{site}/forecast'>
export type ForecastSeries = Forecast['series'][number]
export type CurveOfUnit = Item<Answer<'/api/v1/sites/{site}/curves'>>
export type CurvePicture = NonNullable<NonNullable<CurveOfUnit['fit']>['picture']>
export type PlanMachine = Plan['machines'][number]
export type Command = Item<Answer<'/api/v1/sites/{site}/commands'>>
export type Edge = Item<Answer<'/api/v1/sites/{site}/edges'>>
export type Wanted = Edge['wanted'][number]
export type Setpoint = Item<Answer<'/api/v1/sites/{site}/setpoints'>>
export type EdgeTrouble = Edge['troubles'][number]
export type HeldPoint = Item<Answer<'/api/v1/sites/{site}/holders'>>
export type Held = NonNullable<Setpoint['holder']>
export type Order = Item<Answer<'/api/v1/sites/{site}/orders'>>
export type NewOrder = Body<paths['/api/v1/sites/{site}/orders']['post']['requestBody']>
export type Alarms = Answer<'/api/v1/sites/{site}/alarms'>
export type Alarm = Alarms['alarms'][number]
export type AlarmLine = Item<Answer<'/api/v1/sites/{site}/alarms/journal'>>
export type AlarmFigures = Answer<'/api/v1/sites/{site}/alarms/figures'>
export type NewAlarmAct = Body<paths['/api/v1/sites/{site}/alarms/acts']['post']['requestBody']>
export type AlarmAct = Item<Body<paths['/api/v1/sites/{site}/alarms/acts']['post']['responses'][202]>>
export type AccountsState = Answer<'/api/v1/sites/{site}/accounts'>
export type AccountStatement = Answer<'/api/v1/sites/{site}/accounts/statement'>
export type AccountRow = AccountStatement['accounts'][number]
export type AccountInvoice = Answer<'/api/v1/sites/{site}/accounts/invoice'>
export type GoalAnswer = Item<Answer<'/api/v1/sites/{site}/accounts/goals'>>
export type AccountOutlook = Answer<'/api/v1/sites/{site}/accounts/outlook'>
export type ClosedVersion = Item<Answer<'/api/v1/sites/{site}/accounts/closed'>>
export type SiteReport = Item<Answer<'/api/v1/sites/{site}/reports'>>
export type NewReport = Body<paths['/api/v1/sites/{site}/reports']['post']['requestBody']>
export type AuditEntry = Item<Answer<'/api/v1/sites/{site}/audit'>>
export type AuditCheck = Answer<'/api/v1/sites/{site}/audit/check'>
export type Me = Answer<'/api/v1/me'>
export type SignedInFrom = Item<Answer<'/api/v1/me/sessions'>>
export type NewToken = Body<NonNullable<paths['/api/v1/me/tokens']['post']['requestBody']>>
export type NewFactor = Body<paths['/api/v1/me/factor']['post']['responses'][201]>
export type Person = Item<Answer<'/api/v1/sites/{site}/people'>>
export type PersonRole = Body<NonNullable<paths['/api/v1/sites/{site}/people/{name}/role']['put']['requestBody']>>
export type Session = Body<paths['/api/v1/auth/login']['post']['responses'][200]>
export type Text = Site['label']

/** Where a client of the live socket is: it goes on from here when its link was lost. */
export interface Place {
  run: string
  seq: number
}

/** What the live socket sends after the first message; it stands outside OpenAPI. */
export type LiveMessage =
  | { type: 'values'; values: Value[] }
  | { type: 'command'; command: Command }
  | { type: 'plan'; id: string }
  | { type: 'configuration'; version: number }
  | { type: 'order'; order: Order }
  | { type: 'holders'; holders: HeldPoint[] }
  | { type: 'status'; edge: { link: 'up' | 'down'; age_s: number | null }; bus: 'up' | 'down'; mode: string; watch: { up: boolean; watched: string | null }; place: Place }
  | { type: 'resumed'; whole: boolean }
  | { type: 'alarms'; alarms: Alarm[] }

/** What of it is news for the page; the rest is the link's own. */
export type LiveNews = Exclude<LiveMessage, { type: 'resumed' }>

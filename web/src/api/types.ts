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
export type Plan = Answer<'/api/v1/sites/{site}/plan'>
export type PlanSeries = Plan['series'][number]
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
export type AuditEntry = Item<Answer<'/api/v1/sites/{site}/audit'>>
export type AuditCheck = Answer<'/api/v1/sites/{site}/audit/check'>
export type Session = Body<paths['/api/v1/auth/login']['post']['responses'][200]>
export type Text = Site['label']

/** What the live socket sends after the first message; it stands outside OpenAPI. */
export type LiveMessage =
  | { type: 'values'; values: Value[] }
  | { type: 'command'; command: Command }
  | { type: 'plan'; id: string }
  | { type: 'order'; order: Order }
  | { type: 'holders'; holders: HeldPoint[] }
  | { type: 'status'; edge: { link: 'up' | 'down'; age_s: number | null }; bus: 'up' | 'down'; mode: string; troubles: EdgeTrouble[] }

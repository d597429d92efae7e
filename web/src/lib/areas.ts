/** Which area of the plant a point is of, for a search in words of the plant. Pure. */
import type { Device, Point, SiteArea } from '@/api/types'
import { kindOf, type Kind } from '@/lib/bind'

export type Area = 'power' | 'air' | 'cooling' | 'heat'

const OF_KIND: Partial<Record<Kind, readonly Area[]>> = {
  grid: ['power'], meter: ['power'], pv: ['power'], battery: ['power'], chp: ['power', 'heat'], boiler: ['heat'], compressor: ['air'], chiller: ['cooling'], ahu: ['cooling'],
}
const OF_NAME: readonly (readonly [RegExp, Area])[] = [[/(^|_)air(_|$)/, 'air'], [/cool|chill/, 'cooling'], [/heat/, 'heat']]

/** Areas of a point: by what its device is, and by what the ids of both say. */
export function areasOf(point: Point, device: Device | undefined): Area[] {
  const named = OF_NAME.filter(([name]) => name.test(point.device) || name.test(point.name)).map(([, area]) => area)
  return [...new Set([...((device && OF_KIND[kindOf(device)]) ?? []), ...named])]
}

/** Areas that the site declares for a point, the innermost first, with those they are a part of. */
export function declaredAreas(point: Point, areas: readonly SiteArea[]): SiteArea[] {
  const byId = new Map(areas.map((area) => [area.id, area]))
  const out: SiteArea[] = []
  let area = areas.find((one) => one.points.includes(point.id)) ?? areas.find((one) => one.devices.includes(point.device))
  while (area !== undefined && !out.includes(area)) {
    out.push(area)
    area = area.within === null ? undefined : byId.get(area.within)
  }
  return out
}

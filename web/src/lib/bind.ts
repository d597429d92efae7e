/**
 * Which point of the site plays which part in the picture, the tiles and the chart.
 *
 * A part is found by what a device is and how its point is called (names carry their unit, docs/nomenclature.md), so that
 * a new site needs no change here. A part that is not found stays undefined and is left out or shown as the dash.
 */
import type { Device, Point } from '@/api/types'

export type Kind = 'grid' | 'meter' | 'pv' | 'battery' | 'chp' | 'boiler' | 'compressor' | 'chiller' | 'ahu' | 'weather' | 'other'

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/chp/, 'chp'],
  [/boiler/, 'boiler'],
  [/compressor/, 'compressor'],
  [/chiller/, 'chiller'],
  [/air_handler|ahu/, 'ahu'],
  [/battery/, 'battery'],
  [/pv/, 'pv'],
  [/weather/, 'weather'],
  [/meter|grid/, 'meter'],
]

/** What a device is: by the kind it states, else by its id; the meter of the connection is the grid. */
export function kindOf(device: Device): Kind {
  const found = [device.kind, device.id].flatMap((text) => KINDS.find(([pattern]) => pattern.test(text.toLowerCase()))?.[1] ?? [])[0]
  return found === 'meter' && /main|grid/.test(device.id) ? 'grid' : (found ?? 'other')
}

/** One machine with the points that tell its doing. */
export interface Machine {
  device: Device
  power: Point | undefined
  state: Point | undefined
  local: Point | undefined
  load: Point | undefined
  flow: Point | undefined
  heat: Point | undefined
  fuel: Point | undefined
  cooling: Point | undefined
  supply: Point | undefined
  back: Point | undefined
}

export interface Plant {
  grid: Machine | undefined
  pv: Machine | undefined
  battery: Machine | undefined
  soc: Point | undefined
  chp: Machine | undefined
  boiler: Machine | undefined
  compressors: readonly Machine[]
  chillers: readonly Machine[]
  meters: readonly Machine[]
  ahus: readonly Machine[]
  /** Pressure of the compressed-air header. */
  pressure: Point | undefined
  outdoor: Point | undefined
  irradiance: Point | undefined
}

/** Find every part in the site's devices and points. */
export function bind(devices: readonly Device[], points: readonly Point[]): Plant {
  const byDevice = new Map<string, Point[]>()
  for (const point of points.filter(isRead)) byDevice.set(point.device, [...(byDevice.get(point.device) ?? []), point])
  const on = (device: string | undefined, ...names: RegExp[]): Point | undefined => first(byDevice.get(device ?? '') ?? [], names)
  const all = (kind: Kind): Machine[] => devices.filter((device) => kindOf(device) === kind).map((device) => machine(device, on))
  const one = (kind: Kind): Machine | undefined => all(kind)[0]
  return {
    grid: one('grid'),
    pv: one('pv'),
    battery: one('battery'),
    soc: on(one('battery')?.device.id, /^soc/),
    chp: one('chp'),
    boiler: one('boiler'),
    compressors: all('compressor'),
    chillers: all('chiller'),
    meters: all('meter'),
    ahus: all('ahu'),
    pressure: first(points.filter((point) => isRead(point) && point.unit === 'bar(g)'), [/header/, /receiver|net/, /pressure/]),
    outdoor: on(one('weather')?.device.id, /outdoor|ambient/),
    irradiance: on(one('weather')?.device.id, /irradiance/),
  }
}

/** What is read from the plant; a set-point is what is wanted, not what is. */
function isRead(point: Point): boolean {
  return !point.kind.startsWith('set')
}

function machine(device: Device, on: (device: string, ...names: RegExp[]) => Point | undefined): Machine {
  return {
    device,
    power: on(device.id, /^power_kw$/, /power_k?w$/),
    state: on(device.id, /^state/),
    local: on(device.id, /^local_mode/),
    load: on(device.id, /^load_(pct|frac)$/),
    flow: on(device.id, /^flow/),
    heat: on(device.id, /^heat/),
    fuel: on(device.id, /^fuel/),
    cooling: on(device.id, /^cooling/),
    supply: on(device.id, /^supply/),
    back: on(device.id, /^return/),
  }
}

function first(points: readonly Point[], names: readonly RegExp[]): Point | undefined {
  for (const name of names) {
    const found = points.find((point) => name.test(point.name))
    if (found !== undefined) return found
  }
  return undefined
}

/** The codes of a state point in words, read from its label such as "State (0 off, 3 loaded)"; empty when it names none. */
export function codeWords(text: string): Map<number, string> {
  const inside = /[(（](.*)[)）]\s*$/.exec(text)?.[1] ?? ''
  const pairs = inside.split(/[,，、;；]/).flatMap((part) => {
    const match = /^\s*(\d+)\s*=?\s*(\S.*?)\s*$/.exec(part)
    return match?.[1] === undefined || match[2] === undefined ? [] : [[Number(match[1]), match[2]] as const]
  })
  return new Map(pairs)
}

/** A label without the list of codes behind it. */
export function bareLabel(text: string): string {
  return codeWords(text).size === 0 ? text : text.replace(/\s*[(（].*[)）]\s*$/, '')
}

/** How a machine stands, for its symbol. */
export type Standing = 'on' | 'off' | 'tripped' | 'unknown'

/** Less than this is the standing draw of electronics. */
const RUNNING_KW = 1

/**
 * The standing from the word of the state code (in English, whatever language is shown), or from power where the machine
 * tells no state. Each maker numbers its states in its own way, so the word decides.
 */
export function standing(word: string | undefined, powerKw: number | null): Standing {
  if (word !== undefined) return /trip|fault|alarm/i.test(word) ? 'tripped' : /off|stand-?by|stop/i.test(word) ? 'off' : 'on'
  if (powerKw === null) return 'unknown'
  return Math.abs(powerKw) >= RUNNING_KW ? 'on' : 'off'
}

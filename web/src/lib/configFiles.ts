/** Files a person chose, as files of a configuration: where each belongs. Pure but for the reading. */

export interface ChosenFile {
  /** What the file is called on the person's disk. */
  name: string
  /** Where it stands below the folder of the configuration; a person may change it. */
  path: string
  text: string
}

const TOPS = ['sites', 'devices', 'tariffs', 'emissions', 'calendars']
/** Larger than any configuration file may be, bytes. */
export const MOST_FILE_BYTES = 4_000_000

/** Where a file belongs: by its folders from one that a configuration has, else by the one known file of its name. */
export function placeOf(relative: string, known: readonly string[]): string {
  const parts = relative.split('/').filter((part) => part !== '')
  const top = parts.findIndex((part, at) => TOPS.includes(part) && at < parts.length - 1)
  if (top >= 0) return parts.slice(top).join('/')
  const name = parts.at(-1) ?? ''
  const same = known.filter((path) => path.endsWith(`/${name}`))
  return same.length === 1 ? (same[0] ?? name) : name
}

/** Read what was chosen; only what a configuration can hold, and nothing that is far too large. */
export async function readChosen(files: readonly File[], known: readonly string[]): Promise<ChosenFile[]> {
  const wanted = files.filter((file) => /\.ya?ml$/i.test(file.name) && file.size <= MOST_FILE_BYTES)
  return Promise.all(wanted.map(async (file) => {
    // Empty where no folder was chosen, and missing where the browser knows none.
    const relative = ('webkitRelativePath' in file && file.webkitRelativePath) || file.name
    return { name: relative, path: placeOf(relative, known), text: await file.text() }
  }))
}

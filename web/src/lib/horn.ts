/** The horn: two short tones for a new urgent alarm. A browser lets it sound only after a click. */
const TONES_HZ = [880, 660] as const
const TONE_S = 0.18

let context: AudioContext | undefined

/** Let it sound from now on; call it from a click. */
export function armHorn(): void {
  context ??= new AudioContext()
  void context.resume()
}

/** Sound once, if it was armed. */
export function soundHorn(): void {
  if (context?.state !== 'running') return
  const gain = context.createGain()
  gain.gain.value = 0.15
  gain.connect(context.destination)
  TONES_HZ.forEach((hz, at) => {
    if (context === undefined) return
    const tone = context.createOscillator()
    tone.frequency.value = hz
    tone.connect(gain)
    tone.start(context.currentTime + at * TONE_S)
    tone.stop(context.currentTime + (at + 1) * TONE_S)
  })
}

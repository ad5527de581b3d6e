// Keeps the files of the screen up to date, one writing at a time: a state that came and went meanwhile is never written.
// What is in the files is screen-files.ts.
import type { Clock } from '@latchkey/shared'
import { AgentError } from '../core/errors.ts'
import type { ScreenSource } from '../kiosk/screen.ts'
import { screenData } from '../kiosk/screen-data.ts'
import { writeScreenFiles } from './screen-files.ts'

export interface ScreenFolder {
  /** Resolves when the last state is written, or could not be. */
  stop(): Promise<void>
}

export function screenFolder(options: {
  readonly screen: ScreenSource
  readonly directory: string
  readonly clock: Pick<Clock, 'monotonic'>
  /** Told of the first of several failures in a row. */
  readonly onTrouble: (message: string) => void
}): ScreenFolder {
  const { screen, directory, clock, onTrouble } = options
  let isDue = false
  let isFailing = false
  let writing: Promise<void> | undefined

  const write = async (): Promise<void> => {
    while (isDue) {
      isDue = false
      try {
        await writeScreenFiles(directory, screenData(screen.current(), clock.monotonic()))
        isFailing = false
      } catch (error) {
        if (!isFailing) onTrouble(error instanceof AgentError ? error.message : String(error))
        isFailing = true
      }
    }
    writing = undefined
  }
  const change = () => {
    isDue = true
    writing ??= write()
  }
  const unfollow = screen.follow(change)
  change()
  return {
    async stop() {
      unfollow()
      await writing
    },
  }
}

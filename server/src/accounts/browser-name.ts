// What a browser says it is, in two words that its person recognises.
import Bowser from 'bowser'

const LONGEST_READ = 512

/** "Firefox on Android"; undefined when nothing in it is known. A stranger's words: shown, never trusted. */
export function browserName(userAgent: string | undefined): string | undefined {
  if (!userAgent) return undefined
  const { browser, os } = Bowser.parse(userAgent.slice(0, LONGEST_READ))
  const parts = [browser.name, os.name].filter((part) => part !== undefined && part !== '')
  return parts.length === 0 ? undefined : parts.join(' on ')
}

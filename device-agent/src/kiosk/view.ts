// Every word on the screen, and which picture stands beside it: a pure function from what the page was told. It runs in
// the page, because the words count down; how they are put into the document is browser/page.ts.
import type { ScreenData } from './screen-data.ts'

export type Picture =
  | 'square'
  | 'phone'
  | 'number'
  | 'ticked'
  | 'late'
  | 'refused'
  | 'offline'
  | 'warning'
  | 'key'
  | 'waiting'

export interface View {
  readonly picture: Picture
  readonly title: string
  /** One line under the title. */
  readonly lead?: string
  /** Where to go, as people type it. */
  readonly address?: string
  /** What stands above the code. */
  readonly ask?: string
  /** The code in the groups that it is read in. */
  readonly groups?: readonly string[]
  /** What to find on the phone, with the words above it. */
  readonly number?: { readonly ask: string; readonly digits: string }
  /** What mends itself, with what happens next. */
  readonly status?: string
  readonly timer?: Timer
  /** What OK does, where it does something. */
  readonly button?: string
}

export interface Timer {
  /** 0 to 1. */
  readonly left: number
  readonly number: string
  readonly unit: string
  readonly urgent: boolean
}

const LONGEST_MESSAGE = 160

/** The page's own state, beside those of the agent: the agent does not answer. */
export const LOST: View = {
  picture: 'offline',
  title: 'One moment',
  lead: 'This screen has lost its connection to the device. It comes back by itself.',
}

export interface Circumstances {
  /** Since the data arrived. */
  readonly secondsSince: number
  /** There is a square to show. */
  readonly hasSquare: boolean
  readonly canLink: boolean
  /** Shown while nothing is linked, in place of our own words. */
  readonly idle?: string | undefined
}

export function viewOf(screen: ScreenData, around: Circumstances): View {
  const secondsLeft = (given = 0) => Math.max(0, given - around.secondsSince)
  const press = (words: string) => (around.canLink ? { button: words } : {})
  const again = around.canLink ? 'Press OK for a new code.' : 'Start again on the device for a new code.'
  switch (screen.state) {
    case 'code':
      // AGT-07: the code leaves at the end, even if nobody says that it is the end.
      if (secondsLeft(screen.expires_in) <= 0) return viewOf({ state: 'expired' }, around)
      return codeView(screen, secondsLeft(screen.expires_in), secondsLeft(screen.retry_in), around.hasSquare)
    case 'unlinked':
      return {
        picture: 'key',
        title: 'Not linked yet',
        lead: around.idle ?? (around.canLink ? 'Press OK to link.' : 'Start linking on the device.'),
        ...press('OK'),
      }
    case 'needs_linking':
      return {
        picture: 'key',
        title: 'Link it again',
        lead: around.canLink ? 'The link has ended. Press OK to link.' : 'The link has ended. Start on the device.',
        ...press('OK'),
      }
    case 'asking':
      return { picture: 'waiting', title: 'One moment', lead: 'Getting a code.' }
    case 'linked':
      return {
        picture: 'ticked',
        title: screen.name === undefined ? 'Welcome' : `Welcome, ${screen.name}`,
        lead: 'This device is linked.',
      }
    case 'expired':
      return { picture: 'late', title: 'This code has run out', lead: again, ...press('OK') }
    case 'denied':
      return {
        picture: 'refused',
        title: 'Not linked',
        lead: `The answer on the phone was no. ${again}`,
        ...press('OK'),
      }
    case 'offline': {
      const wait = secondsLeft(screen.retry_in)
      return {
        picture: 'offline',
        title: 'No connection',
        ...(screen.message ? { lead: shortened(screen.message) } : {}),
        status: wait > 0 ? `Trying again in ${inWords(wait)}.` : 'Trying again now.',
      }
    }
    default:
      return {
        picture: 'warning',
        title: 'That did not work',
        lead: screen.message === undefined ? again : shortened(screen.message),
        ...press('OK'),
      }
  }
}

function codeView(screen: ScreenData, secondsLeft: number, retryIn: number, hasSquare: boolean): View {
  const { number } = screen
  const opened = screen.opened === true
  const trouble = screen.message !== undefined
  const status =
    retryIn > 0 ? `No connection. Trying again in ${inWords(retryIn)}.` : 'No connection. Trying again now.'
  return {
    picture: number !== undefined ? 'number' : hasSquare && !opened ? 'square' : 'phone',
    title: opened ? 'Continue on your phone' : 'Link with your phone',
    lead: opened ? 'This code is open at' : hasSquare ? 'Scan the square, or open' : 'On your phone, open',
    address: addressOf(screen.verification_uri ?? ''),
    ask: askOf(number, hasSquare || opened),
    groups: groupsOf(screen.user_code ?? ''),
    ...(number === undefined ? {} : { number: { ask: 'On your phone, tap', digits: number } }),
    timer: timerOf(secondsLeft, screen.lifetime ?? secondsLeft),
    ...(trouble ? { status } : {}),
  }
}

function askOf(number: string | undefined, isThere: boolean): string {
  if (number !== undefined) return 'Check that it shows this code'
  return isThere ? 'Check that it shows this code, and say yes' : 'and enter this code'
}

/** The part that has to be typed. */
function addressOf(uri: string): string {
  return uri.replace(/^https:\/\//, '').replace(/^([^/]+)\/$/, '$1')
}

/** By the separators that the server sent, else in threes or fours; a short code stays whole. */
export function groupsOf(code: string): readonly string[] {
  const parts = code.split(/[-\s]+/).filter((part) => part !== '')
  if (parts.length !== 1 || code.length < 6) return parts
  const length = code.length % 4 === 0 ? 4 : code.length % 3 === 0 ? 3 : 4
  return code.match(new RegExp(`.{1,${length}}`, 'gu')) ?? parts
}

/** Whole minutes while there are some, seconds in the last one. */
function timerOf(secondsLeft: number, lifetime: number): Timer {
  const urgent = secondsLeft <= 60
  const count = urgent ? Math.ceil(secondsLeft) : Math.ceil(secondsLeft / 60)
  const unit = urgent ? 'second' : 'minute'
  return {
    left: lifetime > 0 ? Math.min(1, secondsLeft / lifetime) : 0,
    number: String(count),
    unit: `${unit}${count === 1 ? '' : 's'} left`,
    urgent,
  }
}

/** What a server says may be a page long; the whole of it is in the log. */
function shortened(text: string): string {
  return text.length <= LONGEST_MESSAGE ? text : `${text.slice(0, LONGEST_MESSAGE - 1).trimEnd()}…`
}

function inWords(seconds: number): string {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} minutes`
}

// Every sentence that the element shows, in English. An app hands over those that it wants to say differently.

export interface LinkWords {
  readonly linkTitle: string
  readonly start: string
  readonly asking: string
  readonly scanOrOpen: string
  readonly open: string
  readonly check: string
  readonly enter: string
  /** `time` is minutes and seconds: `8:42`. */
  readonly timeLeft: (time: string) => string
  readonly openedTitle: string
  readonly opened: string
  /** `number` stands large beside it. */
  readonly tap: (number: string) => string
  readonly noNetwork: (seconds: number) => string
  readonly linkedTitle: (name: string | undefined) => string
  readonly linked: string
  readonly expiredTitle: string
  readonly expired: string
  readonly newCode: string
  readonly deniedTitle: string
  readonly denied: string
  readonly lostTitle: string
  readonly lost: string
  readonly unreachableTitle: string
  readonly unreachable: string
  readonly failedTitle: string
  readonly unsafePage: string
  readonly tryAgain: string
  /** For the square, to who cannot see it. */
  readonly square: (address: string) => string
  /** For the code, letter by letter. */
  readonly code: (letters: string) => string
  /** The link is not tied to a key of this device. */
  readonly unbound: string
  /** The browser keeps nothing. */
  readonly forgets: string
}

export const ENGLISH: LinkWords = {
  linkTitle: 'Sign in with your phone',
  start: 'Show the code',
  asking: 'One moment …',
  scanOrOpen: 'Scan the square, or open',
  open: 'On your phone, open',
  check: 'Check that it shows this code, and say yes',
  enter: 'Enter this code there, and say yes',
  timeLeft: (time) => `${time} left`,
  openedTitle: 'Continue on your phone',
  opened: 'Check that your phone shows this code',
  tap: (number) => `Check that your phone shows this code, and tap ${number}`,
  noNetwork: (seconds) => `No network. Trying again in ${seconds} s.`,
  linkedTitle: (name) => (name === undefined ? 'You are signed in' : `Welcome, ${name}`),
  linked: 'This screen is linked.',
  expiredTitle: 'This code has run out',
  expired: 'Press OK for a new one.',
  newCode: 'New code',
  deniedTitle: 'The answer was no',
  denied: 'Nothing was linked.',
  lostTitle: 'The answer got lost',
  lost: 'The network failed at the wrong moment. One more try will do.',
  unreachableTitle: 'No connection',
  unreachable: 'The sign-in server cannot be reached from here.',
  failedTitle: 'This did not work',
  unsafePage: 'This page came without https, and the server links only what did.',
  tryAgain: 'Try again',
  square: (address) => `QR code for ${address}`,
  code: (letters) => `Code: ${letters}`,
  unbound: 'This page came without https: whoever copies the link from this screen can use it.',
  forgets: 'This browser keeps nothing: the link ends when the page closes.',
}

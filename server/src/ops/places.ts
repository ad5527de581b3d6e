// Countries of addresses out of a MaxMind DB file on this machine. Nobody is asked over the network: whose phone links
// which device is nobody else's business, and a page must not wait for a stranger.
import { isIP } from 'node:net'
import { type CountryResponse, open } from 'maxmind'
import type { Places } from '../oauth/device/places.ts'
import { unmapped } from '../oauth/throttle.ts'

/** The whole file is read into memory now; a newer one counts from the next start. Throws an Error that a person can read. */
export async function openPlaces(file: string): Promise<Places> {
  const reader = await open<CountryResponse>(file).catch((error: unknown) => {
    throw new Error(readingProblem(error), { cause: error })
  })
  return {
    of(address) {
      const plain = unmapped(address)
      // A zone (fe80::1%eth0) names a network of one machine, which is in no country.
      if (isIP(plain) === 0 || plain.includes('%')) return undefined
      const country = codeIn(() => reader.get(plain))
      return country === undefined ? undefined : { country }
    },
  }
}

/** A file that is damaged somewhere in the middle knows less; it keeps nobody from a page. */
function codeIn(look: () => CountryResponse | null): string | undefined {
  try {
    const code = look()?.country?.iso_code
    return code !== undefined && /^[A-Z]{2}$/.test(code) ? code : undefined
  } catch {
    return undefined
  }
}

function readingProblem(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES') return 'this user may not read it'
  return code === 'EISDIR' ? 'is a folder' : 'not a MaxMind DB file (.mmdb, unpacked)'
}

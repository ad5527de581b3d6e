// Devices register themselves (RFC 7591): the API that a person allows them for it.
import type { Api } from './provider.ts'

export const ENROL_SCOPE = 'device:enroll'

/** The server's own API: what a person reads before a device may set itself up. */
export function enrolmentApi(issuer: string): Api {
  return { resource: issuer, scopes: { [ENROL_SCOPE]: 'Set itself up as a device of yours' } }
}

// What a device that enrolled remembers, and the doors through which that and its keys are kept: files live behind them in
// node/enrolment-file.ts. What is done with it is enrolment.ts.
import { isJsonObject } from '@latchkey/shared'
import type { KeyStore } from './keys.ts'

/** Of the two places for a key, which one. While keys are changed there is one in each. */
export type KeyPlace = 1 | 2

/** Secret: see `registrationToken`. */
export interface EnrolmentRecord {
  readonly issuer: string
  /** Who this device became. */
  readonly clientId: string
  readonly name?: string | undefined
  /** RFC 7592: where the registration is changed, and what opens that. */
  readonly registrationUri: string
  readonly registrationToken: string
  readonly keyPlace: KeyPlace
  /** The key in the other place was replaced, and the server may not know that yet. */
  readonly isReplacing: boolean
}

export interface EnrolmentStore {
  /** Undefined also for what cannot be read: the same key enrols again as the same client. @throws AgentError `storage` */
  load(): Promise<EnrolmentRecord | undefined>
  /** Resolves when it would survive a power cut. @throws AgentError `storage` */
  save(record: EnrolmentRecord): Promise<void>
  /** Does `work` while no other process changes anything here. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}

export interface EnrolmentKeys {
  at(place: KeyPlace): KeyStore
  /** Resolves when that key is gone, also after a power cut. */
  forget(place: KeyPlace): Promise<void>
}

/** Reads back what was written as JSON; undefined for anything that is not a whole record. */
export function parseEnrolment(value: unknown): EnrolmentRecord | undefined {
  if (!isJsonObject(value)) return undefined
  const texts = ['issuer', 'clientId', 'registrationUri', 'registrationToken']
  const { name, keyPlace, isReplacing } = value
  const isWhole =
    texts.every((each) => typeof value[each] === 'string') &&
    (name === undefined || typeof name === 'string') &&
    (keyPlace === 1 || keyPlace === 2) &&
    typeof isReplacing === 'boolean'
  return isWhole ? (value as unknown as EnrolmentRecord) : undefined
}

// Where in the world an address is, as far as anybody here knows. What knows it (a file, or nothing): ops/places.ts.

/** A country, by its code (ISO 3166-1 alpha-2). */
export interface Place {
  readonly country: string
}

export interface Places {
  /** Undefined for what is not known: private addresses, new ones, or all of them without a file. */
  of(address: string): Place | undefined
}

export const NO_PLACES: Places = { of: () => undefined }

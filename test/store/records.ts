// One full record of each kind, with every optional member and with text that is hard to keep. A new table does not
// compile until it has one here.
import type { StoredRecord } from '../../server/src/oauth/records.ts'
import type { Store, Table } from '../../server/src/oauth/store.ts'

export type TableName = { [K in keyof Store]: Store[K] extends Table<infer _> ? K : never }[keyof Store]
export type RecordOf<K extends TableName> = Store[K] extends Table<infer R> ? R : never

/** Beyond 2^31, beyond 2^32 and the largest exact number: what an engine's small integers would cut. */
const LATE = 4_102_444_800_123
const HARD_TEXT = 'Wohnzimmer ‘Süd’ 📺 שלום ; DROP TABLE "client" -- \\ \u0000 \ud83d %_ {}'

/** Records with ids of their own: `name` makes them, and all unique keys, different from those of another name. */
export function samples(name: string): { readonly [K in TableName]: RecordOf<K> } {
  const common = { version: 0, expiresAt: LATE }
  const permission = { scope: ['openid', 'library:read'], resources: ['https://library.example.com/ü'] }
  const authentication = { authenticatedAt: LATE - 5, amr: ['pwd', 'otp'] }
  const device = { name: HARD_TEXT, model: 'Northwind N55', software: 'app 4.2' }
  return {
    deviceRequests: {
      ...common,
      ...permission,
      id: `request-${name}`,
      userCodeDigest: `code-${name}`,
      clientId: 'tv',
      device,
      address: '2001:db8::17',
      jkt: `key-${name}`,
      openedBy: 'usr_ana',
      contestedAt: LATE - 3,
      showsNumber: true,
      number: { shown: '58', choices: ['17', '58', '92'] },
      wrongLetters: 2,
      wrongLettersBy: 'usr_ana',
      maxAgeSeconds: 60,
      acrValues: ['phr', 'urn:example:two'],
      createdAt: LATE - 10,
      deadlineAt: LATE - 1,
      state: 'redeemed',
      decision: { ...authentication, userId: 'usr_ana', decidedAt: LATE - 4, fromAfar: true },
      refused: 'reported',
      withdrawnBy: 'report',
      contained: 'network',
      frozen: true,
      familyId: `family-${name}`,
    },
    families: {
      ...common,
      ...permission,
      ...authentication,
      id: `family-${name}`,
      clientId: 'tv',
      userId: 'usr_ana',
      device,
      origin: 'device',
      label: HARD_TEXT,
      startedFrom: '2001:db8::17',
      usedFrom: '203.0.113.7',
      fromAfar: true,
      jkt: `key-${name}`,
      sealedHandle: 'sealed',
      generation: 3,
      createdAt: LATE - 10,
      usedAt: LATE - 2,
      current: 'current',
      previous: 'previous',
      sealedSuccessor: 'sealed',
      rotatedAt: LATE - 2,
      revokedAt: LATE - 1,
    },
    clients: {
      ...common,
      id: `client-${name}`,
      name: HARD_TEXT,
      authMethod: 'client_secret_basic',
      secretDigest: 'digest',
      jwks: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }],
      grantTypes: ['client_credentials', 'refresh_token'],
      scope: permission.scope,
      redirectUris: ['https://app.example.com/cb'],
      postLogoutRedirectUris: [],
      dpopBound: true,
      idTokenAlg: 'ES256',
      subjectType: 'pairwise',
      sector: 'app.example.com',
      registration: { ownerId: 'usr_ana', tokenDigest: 'digest', jkt: `registered-${name}` },
      createdAt: 0,
      disabledAt: LATE,
    },
    users: {
      ...common,
      id: `usr_${name}`,
      expiresAt: Number.MAX_SAFE_INTEGER,
      email: `jürgen.${name}@пример.example`,
      name: HARD_TEXT,
      locale: 'zh-Hans',
      passwordHash: '$argon2id$v=19$…',
      secondFactor: { sealedSecret: 'sealed', lastStep: 58_000_000, recoveryDigests: ['one', 'two'], addedAt: LATE },
      passwordReset: { digest: 'digest', until: LATE },
      homes: [{ digest: 'one', usedAt: LATE }],
      linksEndedAt: LATE,
      admin: true,
      createdAt: LATE,
      disabledAt: LATE + 1,
    },
    authorizationRequests: {
      ...common,
      ...permission,
      id: `authorization-${name}`,
      clientId: 'web',
      redirectUri: 'https://app.example.com/cb',
      state: HARD_TEXT,
      nonce: 'nonce',
      codeChallenge: 'challenge',
      jkt: 'key',
      prompt: ['login', 'consent'],
      maxAgeSeconds: 0,
      createdAt: LATE,
      pushed: true,
    },
    authorizationCodes: {
      ...common,
      ...permission,
      ...authentication,
      id: `code-${name}`,
      clientId: 'web',
      redirectUri: 'https://app.example.com/cb',
      userId: 'usr_ana',
      nonce: 'nonce',
      codeChallenge: 'challenge',
      jkt: 'key',
      deadlineAt: LATE,
      state: 'issued',
    },
    consents: { ...common, id: `consent-${name}`, userId: 'usr_ana', clientId: 'web', scope: permission.scope },
    opaqueTokens: { ...common, id: `token-${name}`, claims: { sub: 'usr_ana', aud: 'https://api.example.com' } },
    spent: { ...common, id: `spent-${name}` },
    sessions: {
      ...common,
      ...authentication,
      id: `session-${name}`,
      userId: 'usr_ana',
      cookieDigest: `cookie-${name}`,
      password: 'mark',
      usedAt: LATE,
      browser: HARD_TEXT,
      address: '203.0.113.7',
      openedRequestId: `request-${name}`,
    },
    passkeys: {
      ...common,
      id: `passkey-${name}`,
      userId: 'usr_ana',
      publicKey: 'pQECAyYgASFYI',
      counter: 4_294_967_295,
      transports: ['internal', 'hybrid'],
      synced: true,
      name: HARD_TEXT,
      createdAt: LATE,
      usedAt: LATE + 1,
    },
    upstreamIdentities: {
      ...common,
      id: `identity-${name}`,
      userId: 'usr_ana',
      upstreamId: 'acme',
      issuer: 'https://login.acme.example',
      subject: HARD_TEXT,
      name: HARD_TEXT,
      createdAt: LATE,
      usedAt: LATE + 1,
    },
    freezes: {
      ...common,
      id: `freeze-${name}`,
      what: 'network',
      clientId: 'tv',
      requestId: 'request',
      reportedBy: 'usr_ana',
      createdAt: LATE,
    },
    auditEntries: {
      ...common,
      id: `entry-${name}`,
      at: LATE,
      event: 'reported',
      userId: 'usr_ana',
      clientId: 'tv',
      details: { name: HARD_TEXT, links: 2, frozen: true },
    },
    signingKeys: {
      ...common,
      id: `key-${name}`,
      alg: 'ES256',
      generation: numberOf(name),
      sealedPrivateKey: 'sealed',
      publishedAt: LATE,
      activeAt: LATE,
      dropsOlder: true,
    },
  }
}

/** Different for names that differ, in all that the tests use. */
function numberOf(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 2 ** 40, 0)
}

export const TABLE_NAMES = Object.keys(samples('')) as TableName[]

/** A table seen as holding records of no particular kind. */
export function tableOf(store: Store, name: TableName): Table<StoredRecord> {
  return store[name] as Table<StoredRecord>
}

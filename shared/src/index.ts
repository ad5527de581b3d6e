// The vocabulary of the house, gathered for import. The token check for APIs has exports of its own.
export * from './dpop.ts'
export * from './host.ts'
export * from './jws.ts'
export * from './oauth.ts'
export * from './pkce.ts'
export * from './push.ts'
export * from './user-code.ts'

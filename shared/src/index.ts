export * from './host.ts'
export * from './jws.ts'
export * from './oauth.ts'
export * from './user-code.ts'

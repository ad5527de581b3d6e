// As much of npm's oidc-provider as the tests use: it comes without types.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  type Context = Readonly<Record<string, unknown>>

  export interface Configuration {
    readonly findAccount: (
      context: Context,
      sub: string,
    ) => { readonly accountId: string; claims(): Readonly<Record<string, unknown>> }
    readonly [setting: string]: unknown
  }

  export class Provider {
    constructor(issuer: string, configuration: Configuration)
    on(event: 'server_error', listener: (context: Context, error: Error) => void): this
    callback(): (request: IncomingMessage, response: ServerResponse) => void
  }
}

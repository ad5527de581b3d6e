// A linked device and what it calls: the real server in this process, an API of its own behind the real token check on a
// real port, credentials and key in files, and the commands for other programs as main.ts would call them.

import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { credentialFile, DeviceAgent, type Fetch, keyFile } from '@latchkey/device-agent'
import { thumbprint } from '@latchkey/shared'
import { resourceServer } from '@latchkey/shared/fastify'
import fastify, { type FastifyInstance } from 'fastify'
import { exportJWK } from 'jose'
import type { ProgramIo } from '../../device-agent/src/node/program-io.ts'
import { agentTerminal } from '../support/agent-terminal.ts'
import { dpopClient, linkWithKey } from '../support/dpop-client.ts'
import { injectedFetch } from '../support/injected-fetch.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { ISSUER, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const SCOPE = 'openid offline_access books:read'

export interface Scene {
  readonly folder: string
  readonly server: TestServer
  readonly api: FastifyInstance
  /** The API's address, which is the resource too. */
  readonly resource: string
  /** The grants that the token endpoint was asked for. */
  readonly grants: readonly string[]
  /** While true, the token endpoint cannot be reached. */
  offline: boolean
  /** A second agent on the same files is as another process. */
  agent(fetch?: Fetch): DeviceAgent
  io(input?: string, env?: Record<string, string>): SceneIo
  /** Every text that must never leave: refresh tokens, old and new, and the private half of the key. */
  secrets(): Promise<readonly string[]>
  /** As when a person links it once more, with the same key. */
  linkAgain(): Promise<void>
  close(): Promise<void>
}

export interface SceneIo extends ProgramIo {
  out(): string
  err(): string
  stop(): void
}

/**
 * `bound`: the server binds tokens to the device's key; else it is one that has never heard of that. `nonces`: the API
 * wants one in each proof. `linked: false`: nobody has linked the device.
 */
export async function programScene(
  how: { readonly bound?: boolean; readonly nonces?: boolean; readonly linked?: boolean; readonly path?: string } = {},
): Promise<Scene> {
  const { bound = true, nonces = false, linked = true, path = '' } = how
  const folder = temporaryFolder()
  let handler: RequestListener = () => undefined
  // The port is known before the API is, whose name it is; routes may be added until the first request.
  const listener = createServer((request, response) => void api.ready(() => handler(request, response)))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const resource = `http://127.0.0.1:${(listener.address() as AddressInfo).port}${path}`
  const server = await testServer({
    config: testConfig({
      apis: [{ resource, scopes: { 'books:read': 'See your books' } }],
      clients: [
        {
          client_id: 'tv',
          client_name: 'Northwind TV app',
          token_endpoint_auth_method: 'none',
          dpop_bound_access_tokens: bound,
          scope: SCOPE,
        },
      ],
    }),
  })
  const { host } = server
  const api = fastify({
    serverFactory: (handle) => {
      handler = handle
      return listener
    },
  })
  // The clock of the scene, as everybody else has it.
  api.addHook('onSend', async (_request, reply) => void reply.header('date', new Date(host.clock.now()).toUTCString()))
  api.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  const toServer = injectedFetch(server)
  await api.register(resourceServer, {
    issuer: ISSUER,
    audience: resource,
    clock: host.clock,
    fetch: (url, init) => toServer(String(url), init ?? {}),
    ...(nonces ? { dpopNonce: 'required' } : {}),
  })

  const grants: string[] = []
  const place = { directory: join(folder, 'state'), host }
  const [credentials, keys] = [credentialFile(place), keyFile(place)]
  if (linked) await link(server, { bound, resource, credentials, keys })

  const fetch: Fetch = async (url, init) => {
    if (!url.startsWith(ISSUER)) return globalThis.fetch(url, init)
    if (scene.offline) {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ENETUNREACH' }) })
    }
    if (url.endsWith('/token')) grants.push(String(new URLSearchParams(String(init.body)).get('grant_type')))
    const answer = await toServer(url, init)
    answer.headers.set('date', new Date(host.clock.now()).toUTCString())
    if (bound || !url.includes('/.well-known/')) return answer
    const { dpop_signing_alg_values_supported: _withheld, ...metadata } = await answer.json()
    return Response.json(metadata)
  }
  const scene: Scene = {
    folder,
    server,
    api,
    resource,
    grants,
    offline: false,
    agent: (other = fetch) =>
      new DeviceAgent({
        issuer: ISSUER,
        clientId: 'tv',
        scope: SCOPE,
        resource,
        ...place,
        credentials,
        keys,
        fetch: other,
      }),
    io(input = '', env = {}) {
      const [stdout, stderr, stop] = [agentTerminal(), agentTerminal(), new AbortController()]
      return {
        stdin: (async function* () {
          yield input
        })(),
        stdout,
        stderr,
        env,
        host,
        fetch,
        signal: stop.signal,
        linkedAgent: async (other) => scene.agent(other),
        out: () => stdout.written(),
        err: () => stderr.written(),
        stop: () => stop.abort(),
      }
    },
    async secrets() {
      const loaded = await credentials.load()
      const record = loaded.kind === 'found' ? loaded.record : undefined
      const key: unknown = bound ? JSON.parse(await readFile(join(folder, 'state', 'key.json'), 'utf8')) : undefined
      const texts = [record?.refreshToken, record?.previousRefreshToken, privateHalf(key)]
      return texts.filter((text) => text !== undefined)
    },
    linkAgain: () => link(server, { bound, resource, credentials, keys }),
    async close() {
      await api.close()
      await new Promise<void>((resolve) => {
        listener.closeAllConnections()
        listener.close(() => resolve())
      })
      await server.close()
      removeFolder(folder)
    },
  }
  return scene
}

async function link(
  server: TestServer,
  device: {
    readonly bound: boolean
    readonly resource: string
    readonly credentials: ReturnType<typeof credentialFile>
    readonly keys: ReturnType<typeof keyFile>
  },
): Promise<void> {
  const { bound, resource, credentials, keys } = device
  const asked = { client_id: 'tv', scope: SCOPE, resource }
  const record = { issuer: ISSUER, clientId: 'tv', linkedAt: server.host.clock.now(), scope: SCOPE, accessTokens: [] }
  if (!bound) {
    const { refresh_token: refreshToken } = await server.link(asked)
    return credentials.save({ ...record, refreshToken })
  }
  const pair = await keys.obtain()
  const jwk = await exportJWK(pair.publicKey)
  const key = { ...pair, alg: 'ES256' as const, jwk, jkt: await thumbprint(jwk) }
  const { refresh_token: refreshToken } = await linkWithKey(server, await dpopClient(server, { key }), asked)
  await credentials.save({ ...record, boundTo: key.jkt, refreshToken })
}

function privateHalf(value: unknown): string | undefined {
  const { key }: { key?: { d?: string } } = typeof value === 'object' && value !== null ? value : {}
  return key?.d
}

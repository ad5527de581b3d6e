// What the server says of its endpoints is what it has, and the copy in docs/ is what it says.
import { DEVICE_CODE_GRANT, type ServerMetadata } from '@latchkey/shared'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grants } from '../../server/src/oauth/grants/index.ts'
import { expectKeptCopy } from '../support/kept-copy.ts'
import { routesOf } from '../support/routes.ts'
import { basic, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

type Schema = Readonly<Record<string, unknown>>
type Content = Readonly<Record<string, { readonly schema: Schema }>>
interface Operation {
  readonly summary: string
  readonly tags: readonly string[]
  readonly security?: readonly Readonly<Record<string, unknown>>[]
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>
}
interface OpenApi {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly components: { readonly securitySchemes: Readonly<Record<string, unknown>> }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

let server: TestServer
let document: OpenApi
// The JSON Schema of Fastify itself, as strict as it comes.
const judge = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } } })
judge.post('/', async (request) => {
  const { schema, value } = request.body as { schema: Schema; value: unknown }
  const check = request.compileValidationSchema(schema)
  return { fits: check(value), why: check.errors ?? null }
})

beforeAll(async () => {
  server = await testServer({ config: testConfig({ registration: {} }) })
  document = (await server.app.inject('/openapi.json')).json()
})
afterAll(async () => {
  await judge.close()
  await server.close()
})

// Registration is off by default; the document tells of it where it is on.
const publicConfig = (issuer: string) =>
  testConfig({ issuer, listen: { trusted_proxies: ['127.0.0.1'] }, registration: {} })

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  )

/** Throws when `schema` is none. */
async function verdict(schema: Schema, value: unknown): Promise<{ fits: boolean; why: unknown }> {
  const answer = await judge.inject({ method: 'POST', url: '/', payload: { schema, value } })
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return answer.json()
}

describe('the OpenAPI document', () => {
  it('is of version 3.1, and whole', async () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info.title).toBe('Latchkey')
    expect(document.info.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(document.servers).toEqual([{ url: server.config.issuer }])
    const tags = document.tags.map(({ name }) => name)
    const schemes = Object.keys(document.components.securitySchemes)
    for (const { name, operation } of operations()) {
      expect(operation.summary, name).toMatch(/\S/)
      expect(operation.tags.length, name).toBeGreaterThan(0)
      for (const tag of operation.tags) expect(tags, name).toContain(tag)
      for (const scheme of (operation.security ?? []).flatMap(Object.keys)) expect(schemes, name).toContain(scheme)
      expect(
        Object.keys(operation.responses).some((status) => /^[123]/.test(status)),
        name,
      ).toBe(true)
      const contents = [operation.requestBody?.content, ...Object.values(operation.responses).map((one) => one.content)]
      const schemas = contents.flatMap((content) => Object.values(content ?? {}).map(({ schema }) => schema))
      for (const schema of [...schemas, ...(operation.parameters ?? []).map((one) => one.schema)]) {
        await verdict(schema, null)
      }
      for (const { description } of Object.values(operation.responses)) {
        expect(description, name).not.toMatch(/^(Default Response)?$/)
      }
    }
  })

  it('tells of every endpoint that speaks the protocol, and of none that is not there', async () => {
    const there = routesOf(server.app).map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`)
    const told = operations().map(({ name }) => name)
    expect(told.filter((name) => !there.includes(name))).toEqual([])

    const metadata: ServerMetadata = (await server.app.inject('/.well-known/openid-configuration')).json()
    const named = Object.entries(metadata)
      .filter(([member]) => /(_endpoint|_uri)$/.test(member))
      .map(([, address]) => new URL(String(address)).pathname)
    expect(named.filter((path) => document.paths[path] === undefined)).toEqual([])

    const silent: string[] = []
    for (const { method, url } of routesOf(server.app)) {
      if (['HEAD', 'OPTIONS'].includes(method)) continue
      const answer = await server.app.inject({ method: method as 'GET', url: url.replace(/:\w+/g, 'x') })
      const speaksProtocol = answer.statusCode >= 400 && answer.statusCode !== 405 && /"error":/.test(answer.body)
      if (speaksProtocol && !told.includes(`${method} ${url.replace(/:(\w+)/g, '{$1}')}`))
        silent.push(`${method} ${url}`)
    }
    expect(silent).toEqual([])
  })

  it('has a form for every grant, with what the grant asks for', () => {
    const content = document.paths['/token']?.['post']?.requestBody?.content ?? {}
    const forms = content['application/x-www-form-urlencoded']?.schema['anyOf'] as {
      required: string[]
      properties: { grant_type: { const: string } }
    }[]
    expect(forms.map((form) => [form.properties.grant_type.const, form.required])).toEqual(
      grants.map((grant) => [grant.type, ['grant_type', ...grant.requiredParameters]]),
    )
  })

  it('is kept in docs/openapi.json', async () => {
    const example = await testServer({ config: publicConfig('https://id.example.com') })
    const served = (await example.app.inject('/openapi.json')).json()
    await example.close()
    expectKeptCopy('docs/openapi.json', `${JSON.stringify(served, null, 2)}\n`)
  })

  it('has addresses under the path of the issuer', async () => {
    const below = await testServer({ config: publicConfig('https://example.com/id') })
    const { paths, servers }: OpenApi = (await below.app.inject('/id/openapi.json')).json()
    await below.close()
    expect(servers).toEqual([{ url: 'https://example.com' }])
    expect(Object.keys(paths)).toContain('/.well-known/oauth-authorization-server/id')
    expect(Object.keys(paths)).toContain('/id/token')
  })
})

describe('the answers', () => {
  const schemaOf = (method: string, path: string, status: number): Schema => {
    const content = document.paths[path]?.[method]?.responses[status]?.content
    const schema = content?.['application/json']?.schema
    if (schema === undefined) throw new Error(`no schema for ${method} ${path} ${status}`)
    return schema
  }
  const told = async (method: string, path: string, answer: { statusCode: number; json(): unknown }) =>
    verdict(schemaOf(method, path, answer.statusCode), answer.json())
  const fits = { fits: true, why: null }

  it('are as the document says: devices and tokens', async () => {
    const started = await server.post('/device_authorization', { client_id: 'tv', scope: 'openid library:read' })
    expect(await told('post', '/device_authorization', started)).toEqual(fits)
    const { device_code, user_code } = started.json()
    const pending = await server.poll(device_code)
    expect(await told('post', '/token', pending)).toEqual(fits)
    const hasty = await server.poll(device_code)
    expect(hasty.json()).toMatchObject({ error: 'slow_down', interval: 10 })
    expect(await told('post', '/token', hasty)).toEqual(fits)
    await server.decide(user_code, 'approve')
    const linked = await server.poll(device_code)
    expect(linked.statusCode).toBe(200)
    expect(await told('post', '/token', linked)).toEqual(fits)
    const own = await server.token({ grant_type: 'client_credentials' }, basic('reports', SECRETS.REPORTS_SECRET))
    expect(own.statusCode).toBe(200)
    expect(await told('post', '/token', own)).toEqual(fits)
  })

  it('are as the document says: refusals', async () => {
    const form = { grant_type: DEVICE_CODE_GRANT, device_code: 'x' }
    const refusals = [
      [400, await server.poll('unknown')],
      [401, await server.token({ ...form, client_id: 'nobody' })],
      [405, await server.app.inject('/token')],
      [413, await server.token({ ...form, client_id: 'x'.repeat(20_000) })],
    ] as const
    for (const [status, answer] of refusals) {
      expect(answer.statusCode).toBe(status)
      expect(await told('post', '/token', answer)).toEqual(fits)
    }
    expect((await verdict(schemaOf('post', '/token', 400), { error: 'made_up' })).fits).toBe(false)
  })

  it('are as the document says: what clients read first', async () => {
    for (const path of ['/jwks', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
      expect(await told('get', path, await server.app.inject(path)), path).toEqual(fits)
    }
  })
})

// The files that pages load: compressed once, when the server starts, and kept for ever by whoever has them.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Asset } from '@latchkey/verifier-web'
import type { FastifyInstance } from 'fastify'

type Coding = 'br' | 'gzip'

/** In the order of our choice, where somebody takes them equally. */
const CODINGS: ReadonlyMap<Coding, (body: Uint8Array) => Uint8Array> = new Map([
  ['br', (body) => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } })],
  ['gzip', (body) => gzipSync(body, { level: constants.Z_BEST_COMPRESSION })],
])

/** The same bytes in each coding that makes fewer of them: a picture that is compressed already has none. */
type Packed = ReadonlyMap<Coding, Uint8Array>

// A process serves the same files however many servers it holds.
const packedOnce = new WeakMap<Asset, Packed>()

function packed(asset: Asset): Packed {
  const known = packedOnce.get(asset)
  if (known !== undefined) return known
  const body = Buffer.from(asset.body)
  const made = new Map<Coding, Uint8Array>()
  for (const [coding, compress] of CODINGS) {
    const smaller = compress(body)
    if (smaller.length < body.length) made.set(coding, smaller)
  }
  packedOnce.set(asset, made)
  return made
}

/** An SVG file that is opened by itself is a document: this one may not do anything. */
const DRAWING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

export function assetRoutes(app: FastifyInstance, assets: Iterable<Asset>): void {
  for (const asset of assets) {
    const forms = packed(asset)
    app.get(asset.path, (request, reply) => {
      const coding = codingFor(request.headers['accept-encoding'], [...forms.keys()])
      if (asset.type === 'image/svg+xml') reply.header('Content-Security-Policy', DRAWING_POLICY)
      if (coding !== undefined) reply.header('Content-Encoding', coding)
      if (forms.size > 0) reply.header('Vary', 'Accept-Encoding')
      // The name holds a digest of what is in it.
      return reply
        .header('Cache-Control', 'public, max-age=31536000, immutable')
        .type(asset.type)
        .send(coding === undefined ? asset.body : forms.get(coding))
    })
  }
}

const ELEMENT = /^([!#$%&'*+.^_`|~\w-]+)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i

/**
 * Which of `offered` to send (RFC 9110 §12.5.3); undefined: the bytes as they are, which is also what becomes of a
 * header that is absent or says nothing that can be read.
 */
export function codingFor(header: string | undefined, offered: readonly Coding[]): Coding | undefined {
  const told = new Map<string, number>()
  for (const element of header?.split(',') ?? []) {
    const [, name, quality = '1'] = ELEMENT.exec(element.trim()) ?? []
    if (name !== undefined) told.set(name.toLowerCase(), Number(quality))
  }
  const quality = (coding: Coding) => told.get(coding) ?? told.get('*') ?? 0
  const [best] = offered.toSorted((one, other) => quality(other) - quality(one))
  if (best === undefined || quality(best) === 0) return undefined
  return quality(best) < (told.get('identity') ?? 0) ? undefined : best
}

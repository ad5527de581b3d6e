// Serves the gallery as the real server serves its pages: same policy, same asset paths, and it keeps what forms post.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Chrome } from '@latchkey/verifier-web'
import { gallery, galleryAssets } from '@latchkey/verifier-web/gallery'
import { WebSocketServer } from 'ws'

// SES-03
const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

export interface GalleryServer {
  readonly origin: string
  /** What was posted, newest last: `/link/device csrf=…&answer=deny`. */
  readonly posts: readonly string[]
  readonly close: () => Promise<void>
}

export async function serveGallery(around: Partial<Chrome> = {}): Promise<GalleryServer> {
  const posts: string[] = []
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/'
    response.setHeader('content-security-policy', POLICY)
    if (request.method === 'POST') {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      posts.push(`${path} ${body}`)
    }
    const asset = galleryAssets.find((one) => one.path === path)
    if (asset) {
      response.setHeader('content-type', asset.type).end(asset.body)
      return
    }
    const entry = gallery.find(({ name }) => `/${name}` === path)
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(entry ? entry.html(around) : '<!doctype html><title>posted</title>')
  })
  // Pages that wait for news get none here.
  const sockets = new WebSocketServer({ server })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    posts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets.clients) socket.terminate()
        server.closeAllConnections()
      }),
  }
}

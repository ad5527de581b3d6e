// A site of somebody else, which sends people wherever it likes: over two names that one browser knows as two sites.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HostileSite {
  /** Another port of the issuer's own host: another origin of the same site, so that cookies travel along. */
  readonly neighbour: string
  /** Another site altogether. */
  readonly stranger: string
  /** A page with this in its body, by its path. */
  page(body: string): string
  close(): Promise<void>
}

/** For an issuer at `localhost`. */
export async function hostileSite(): Promise<HostileSite> {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const body = bodies[Number(request.url?.slice(1))]
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(`<!doctype html><title>Win a prize</title><body>${body ?? ''}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    neighbour: `http://localhost:${port}`,
    stranger: `http://127.0.0.1:${port}`,
    page: (body) => `/${bodies.push(body) - 1}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A form that posts `fields` to `address`, with one button; the answer goes into a frame of its own. */
export function formTo(address: string, fields: Readonly<Record<string, string>>, frame: string): string {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`)
  const form = `<form method="post" action="${address}" target="${frame}">${inputs.join('')}<button>Win</button></form>`
  return `<iframe name="${frame}"></iframe>${form}`
}

// Every route of a server, read from its own router, so that tests meet endpoints that were added after them.
import type { FastifyInstance } from 'fastify'

export interface Route {
  readonly method: string
  /** With `:name` for parameters. */
  readonly url: string
}

const LINE = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/

export function routesOf(app: FastifyInstance): readonly Route[] {
  const parents: string[] = []
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent, path, methods] = LINE.exec(line) ?? []
      if (indent === undefined || path === undefined) return []
      const depth = indent.length / 4
      const url = (parents[depth - 1] ?? '') + path
      parents[depth] = url
      return (methods ?? '').split(', ').flatMap((method) => (method === '' ? [] : { method, url }))
    })
}

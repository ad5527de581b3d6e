// A fetch that reaches the server in this process.
import type { Fetch } from '@latchkey/device-agent'
import type { TestServer } from './test-server.ts'

const METHODS = ['POST', 'PUT', 'DELETE'] as const

export function injectedFetch({ app }: Pick<TestServer, 'app'>): Fetch {
  return async (url, init) => {
    const { pathname, search } = new URL(url)
    const answer = await app.inject({
      method: METHODS.find((method) => method === init.method) ?? 'GET',
      url: pathname + search,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(typeof init.body === 'string' ? { payload: init.body } : {}),
    })
    const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)])
    return new Response(answer.body, { status: answer.statusCode, headers })
  }
}

// A form that is sent twice is done once. Of a double click a browser shows the second answer and throws the first one
// away, with the new cookie of its session and whatever is shown only once: so both are answered alike. Each form that
// is shown has a token of its own (visitor.ts), and what counts is that the very same form came: who has but a copy of
// the cookie cannot send it. For some seconds, in this process alone: the answers have secrets in them.
import type { Clock } from '@latchkey/shared'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { digestOf } from '../oauth/keys/vault.ts'
import type { Form } from '../oauth/parameters.ts'

const REPEATED_FOR_MS = 10_000

/** Options of a route whose form is done once. Only an answer that leads on is repeated: one that refuses did nothing. */
export interface Once {
  preHandler(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined>
  onSend(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown>
}

interface Answer {
  readonly location: string
  readonly cookies: readonly string[]
}

interface Sent {
  /** Undefined when it led nowhere. */
  readonly answer: Promise<Answer | undefined>
  readonly until: number
}

export function createOnce(clock: Clock): Once {
  // In the order in which they came, so that the first ones end first.
  const sent = new Map<string, Sent>()
  const answering = new WeakMap<FastifyRequest, (answer: Answer | undefined) => void>()

  function forget(now: number): void {
    for (const [key, { until }] of sent) {
      if (now < until) return
      sent.delete(key)
    }
  }

  return {
    async preHandler(request, reply) {
      const key = keyOf(request)
      if (key === undefined) return undefined
      forget(clock.monotonic())
      for (let before = sent.get(key); before !== undefined; before = sent.get(key)) {
        const answer = await before.answer
        if (answer !== undefined) return reply.header('Set-Cookie', [...answer.cookies]).redirect(answer.location, 303)
      }
      const { promise, resolve } = withResolver<Answer | undefined>()
      sent.set(key, { answer: promise, until: clock.monotonic() + REPEATED_FOR_MS })
      answering.set(request, (answer) => {
        if (answer === undefined) sent.delete(key)
        resolve(answer)
      })
      return undefined
    },
    async onSend(request, reply, payload) {
      answering.get(request)?.(answerOf(reply))
      return payload
    },
  }
}

function keyOf({ url, body }: FastifyRequest): string | undefined {
  return body instanceof Map ? digestOf(JSON.stringify([url, ...(body as Form)])) : undefined
}

function answerOf(reply: FastifyReply): Answer | undefined {
  const location = reply.getHeader('Location')
  if (reply.statusCode !== 303 || typeof location !== 'string') return undefined
  return { location, cookies: [reply.getHeader('Set-Cookie') ?? []].flat().map(String) }
}

function withResolver<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

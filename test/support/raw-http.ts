// HTTP byte by byte, for what no client library would send.
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Sends the bytes as they are and returns all that comes back until the server closes. Write `Connection: close`. */
export async function sendRaw(app: FastifyInstance, ...parts: readonly (string | Uint8Array)[]): Promise<string> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return new Promise((resolve, reject) => {
    const socket = connect(address.port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      answer += String(chunk)
    })
    socket.on('close', () => resolve(answer))
    // A server that refuses may close before it has read everything.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    for (const part of parts) socket.write(part)
  })
}

// A device's own connection: one socket that stays open, so that two devices race on the wire and not in a shared pool.
import { Agent, request } from 'node:http'
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { encode } from './test-server.ts'

export interface WireAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

export interface Device {
  start(): Promise<{ readonly device_code: string; readonly user_code: string }>
  poll(deviceCode: string): Promise<WireAnswer>
  refresh(refreshToken: string): Promise<WireAnswer>
  hangUp(): void
}

/** A plain RFC 8628 client `tv`. All calls reject when the connection breaks. */
export function wireDevice(origin: string): Device {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const post = (path: string, fields: Readonly<Record<string, string>>): Promise<WireAnswer> =>
    new Promise((resolve, reject) => {
      const form = encode({ client_id: 'tv', ...fields })
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(form)),
      }
      const sent = request(new URL(path, origin), { method: 'POST', agent, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part: string) => {
          text += part
        })
        answer.on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }))
      })
      sent.on('error', reject)
      sent.end(form)
    })
  return {
    async start() {
      const { status, body } = await post('/device_authorization', { scope: 'library:read offline_access' })
      if (status !== 200) throw new Error(`no code: ${status} ${JSON.stringify(body)}`)
      return { device_code: String(body['device_code']), user_code: String(body['user_code']) }
    },
    poll: (deviceCode) => post('/token', { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode }),
    refresh: (refreshToken) => post('/token', { grant_type: 'refresh_token', refresh_token: refreshToken }),
    hangUp: () => agent.destroy(),
  }
}

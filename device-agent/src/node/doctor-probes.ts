// The doctor's hands on a real machine.
import { execFile } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { statfs } from 'node:fs/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Fetch } from '../core/exchange.ts'
import type { Probes } from './doctor-findings.ts'
import { systemFiles } from './file-system.ts'
import { nodeSockets } from './web-sockets.ts'

const LONGEST_MS = 10_000

export function systemProbes(io: Pick<Probes, 'host' | 'env'> & { readonly fetch: Fetch }): Probes {
  return {
    host: io.host,
    env: io.env,
    fetch: io.fetch,
    nodeVersion: process.versions.node,
    uid: process.getuid?.(),
    files: systemFiles,
    sockets: nodeSockets,
    async freeBytes(path) {
      const { bavail, bsize } = await statfs(path)
      return bavail * bsize
    },
    isSynchronised: () =>
      new Promise((resolve) => {
        const argv = ['show', '--property=NTPSynchronized', '--value']
        execFile('timedatectl', argv, { timeout: LONGEST_MS }, (error, stdout) => {
          const said = error ? '' : stdout.trim()
          resolve(said === 'yes' ? true : said === 'no' ? false : undefined)
        })
      }),
    lookUp: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
    connect: (host, port) => open(connectTcp({ host, port }), 'connect'),
    shakeHands: (host, port) =>
      // RFC 6066 §3: an address is no server name.
      open(connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}) }), 'secureConnect'),
  }
}

function open(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(LONGEST_MS, () => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })))
    socket.once('error', reject)
    socket.once(event, () => {
      resolve()
      socket.destroy()
    })
  })
}

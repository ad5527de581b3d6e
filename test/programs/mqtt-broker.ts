// An MQTT broker to try a password on: the one that runs on this machine, or one that is started for the test. And just
// enough of MQTT 3.1.1 to sign in, subscribe and publish.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'

export interface MqttSignIn {
  readonly clientId: string
  readonly username: string
  readonly password: string
}

/** Whether somebody listens there. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** Mosquitto with these configuration lines, on a port of its own; undefined where it is not installed. */
export async function startMosquitto(
  folder: string,
  lines: readonly string[],
): Promise<{ readonly port: number; stop(): Promise<void> } | undefined> {
  const port = await freePort()
  const file = join(folder, `mosquitto-${port}.conf`)
  await writeFile(file, [`listener ${port} 127.0.0.1`, ...lines, ''].join('\n'))
  const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' })
  if (!(await isStarted(child))) return undefined
  const ended = once(child, 'exit')
  while (!(await isOpen(port))) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    port,
    async stop() {
      child.kill()
      await ended
    },
  }
}

function isStarted(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
}

/** MQTT 3.1.1 §3.2.2.3: 0 is accepted, 4 a wrong name or password, 5 not authorized. */
export async function signIn(port: number, who: MqttSignIn): Promise<number> {
  const { socket, next } = await open(port)
  socket.write(connectPacket(who))
  const answer = await next()
  socket.destroy()
  return answer[3] ?? -1
}

/** Signs in, subscribes to a topic, publishes there, and returns what came back. */
export async function roundTrip(port: number, who: MqttSignIn, topic: string, message: string): Promise<string> {
  const { socket, next } = await open(port)
  socket.write(connectPacket(who))
  const accepted = await next()
  if (accepted[3] !== 0) throw new Error(`not accepted: ${accepted[3]}`)
  socket.write(packet(0x82, Buffer.concat([Buffer.from([0, 1]), text(topic), Buffer.from([0])])))
  await next()
  socket.write(packet(0x30, Buffer.concat([text(topic), Buffer.from(message)])))
  const published = await next()
  socket.end(packet(0xe0, Buffer.alloc(0)))
  // One byte of length suffices here; then the topic with its own two.
  return published.subarray(2 + 2 + Buffer.byteLength(topic)).toString()
}

async function open(port: number): Promise<{ readonly socket: Socket; next(): Promise<Buffer> }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return { socket, next: async () => ((await once(socket, 'data')) as [Buffer])[0] }
}

/** §3.1: clean session, a name and a password. */
function connectPacket({ clientId, username, password }: MqttSignIn): Buffer {
  const head = Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 60])])
  return packet(0x10, Buffer.concat([head, text(clientId), text(username), text(password)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

/** §2.2.3: the length in groups of seven bits. */
function packet(type: number, body: Buffer): Buffer {
  const head = [type]
  let left = body.length
  do {
    const more = left >= 128
    head.push((left % 128) + (more ? 128 : 0))
    left = Math.floor(left / 128)
  } while (left > 0)
  return Buffer.concat([Buffer.from(head), body])
}

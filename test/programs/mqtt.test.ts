// A token as an MQTT password, tried on Mosquitto where there is one. Where there is none the output alone is looked at,
// and the test says so.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import { afterEach, expect, it } from 'vitest'
import { mqttPassword } from '../../device-agent/src/node/mqtt-password.ts'
import { isOpen, roundTrip, signIn, startMosquitto } from './mqtt-broker.ts'
import { programScene, type Scene } from './scene.ts'

const USUAL_PORT = 1883

let scene: Scene

afterEach(() => scene.close())

async function password(options: Parameters<typeof mqttPassword>[1] = {}): Promise<string> {
  const io = scene.io()
  expect(await mqttPassword(io, options)).toBe(0)
  expect(io.err()).toBe('')
  return io.out()
}

it('one line with the token; with a name, lines that mosquitto_pub reads from a file', async () => {
  scene = await programScene({ bound: false })
  const line = await password()
  expect(line).toMatch(/^[\w.-]+\n$/)
  expect(decodeJwt(line.trim())).toMatchObject({ aud: scene.resource })
  expect(await password({ username: 'tv' })).toBe(`-u tv\n-P ${line}`)
  await expect(mqttPassword(scene.io(), { username: 'a\n-h evil' })).rejects.toMatchObject({ reason: 'usage' })
})

it('a token that is bound to the key is no password', async () => {
  scene = await programScene()
  const io = scene.io()
  await expect(mqttPassword(io, {})).rejects.toMatchObject({ reason: 'refused' })
  expect(io.out()).toBe('')
})

it('a broker takes the whole token as a password and carries messages', async () => {
  scene = await programScene({ bound: false })
  const token = (await password()).trim()
  const who = { clientId: `latchkey-${randomUUID().slice(0, 8)}`, username: 'tv', password: token }
  // One that knows its users, and not ours, is somebody's own.
  const present = (await isOpen(USUAL_PORT)) && (await signIn(USUAL_PORT, who)) === 0
  const started = present ? undefined : await startMosquitto(scene.folder, ['allow_anonymous true'])
  const port = present ? USUAL_PORT : started?.port
  if (port === undefined) {
    console.warn('No MQTT broker here and no mosquitto to start: the password was made, but tried on none.')
    expect(Buffer.byteLength(token)).toBeLessThanOrEqual(65_535)
    return
  }
  const topic = `latchkey-test/${randomUUID()}`
  expect(await roundTrip(port, who, topic, 'hello')).toBe('hello')
  await started?.stop()
})

it('a broker that knows the token takes it, and no part of it', async () => {
  scene = await programScene({ bound: false })
  const token = (await password()).trim()
  const file = join(scene.folder, 'passwords')
  await writeFile(file, `tv:${token}\n`, { mode: 0o600 })
  const hashed = await promisify(execFile)('mosquitto_passwd', ['-U', file]).then(
    () => true,
    () => false,
  )
  const lines = ['allow_anonymous false', `password_file ${file}`, ...(process.getuid?.() === 0 ? ['user root'] : [])]
  const broker = hashed ? await startMosquitto(scene.folder, lines) : undefined
  if (!broker) {
    console.warn('No mosquitto here that could check a password; only the output was looked at.')
    expect(token).toMatch(/^[\w.-]+$/)
    return
  }
  const as = (secret: string) => signIn(broker.port, { clientId: 'tv-1', username: 'tv', password: secret })
  expect(await as(token)).toBe(0)
  for (const wrong of [token.slice(0, -1), `${token}\n`, '']) expect([4, 5]).toContain(await as(wrong))
  await broker.stop()
})

// A real link from code to token, with everything that shows it listening: nobody hears a secret.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { screenData } from '../../device-agent/src/kiosk/screen-data.ts'
import { writeScreenFiles } from '../../device-agent/src/node/screen-files.ts'
import { stateHook } from '../../device-agent/src/node/state-hook.ts'
import { agentAt, agentServer, ISSUER, ok, refused, tokens } from '../support/agent-server.ts'
import { serveKiosk } from '../support/kiosk-page.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder()
afterEach(() => removeFolder(folder))

it('AGT-03 STO-06 page, files and hook hear the code and who it became, and never device_code or token', async () => {
  const { host, screen, server, address } = await serveKiosk({ files: { style: '', script: '' } })
  const heard: string[] = []
  const page = new WebSocket(`${address.replace('http', 'ws')}screen`, 'latchkey.screen.v1', {
    origin: address.slice(0, -1),
  })
  page.on('message', (data) => heard.push(String(data)))
  await new Promise((resolve) => page.once('open', resolve))
  const hook = stateHook({
    screen,
    command: 'show',
    env: {},
    host,
    onTrouble: (message) => heard.push(message),
    start: (command, env, input) => {
      heard.push(JSON.stringify({ command, env, input }))
      return { ended: Promise.resolve(undefined), kill: () => undefined }
    },
  })
  hook.start()
  const files: Promise<void>[] = []
  screen.follow((state) => {
    const data = screenData(state, host.clock.monotonic())
    files.push(writeScreenFiles(join(folder, String(files.length)), data))
  })

  const issuer = agentServer(host)
  issuer.on('/token', refused('authorization_pending'), 'cut', refused('authorization_pending'), ok(tokens(1)))
  const agent = agentAt(issuer, host)
  await host.run(agent.link({ onState: screen.show }))
  await Promise.all(files)
  await host.until(() => heard.some((text) => text.includes('"version"') && text.includes('"linked"')))
  await hook.stop()
  await server.stop()

  const written = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(json|svg|png)$/.test(path),
  )
  const all = [...heard, ...written.map((path) => readFileSync(join(folder, path), 'latin1'))].join('\n')
  for (const shown of ['WDJB-MJHT', `${ISSUER}/link/WDJBMJHT`, '"retry_in"', '"linked"']) expect(all).toContain(shown)
  expect(all).not.toMatch(/canary|device_code|access_token|refresh_token/)
})

// systemd's end of NOTIFY_SOCKET: what the real systemd-notify sends to it. Node has no such sockets, so a line of Python
// listens; where either is missing, a program of that name on PATH takes its place and writes down what it was told.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface NotifySocket {
  /** What a service started by systemd would have in its environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The messages so far, each as its lines. */
  messages(): readonly (readonly string[])[]
  close(): Promise<void>
}

// Descriptors that come along are closed at once: that is what systemd-notify waits for.
const LISTEN = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("up", flush=True)
while True:
    text = s.recv(65536).decode()
    print(json.dumps(text.rstrip("\\n").split("\\n")), flush=True)
`

export async function notifySocket(folder: string): Promise<NotifySocket> {
  const has = (program: string) => spawnSync(program, ['--version']).status === 0
  return has('python3') && has('systemd-notify') ? realSocket(folder) : toldByProgram(folder)
}

async function realSocket(folder: string): Promise<NotifySocket> {
  const path = join(folder, 'notify')
  const child = spawn('python3', ['-u', '-c', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const messages: (readonly string[])[] = []
  const lines = createInterface({ input: child.stdout })
  const up = once(lines, 'line')
  await up
  lines.on('line', (line) => {
    const message: readonly string[] = JSON.parse(line)
    if (message[0] !== 'BARRIER=1') messages.push(message)
  })
  return {
    env: { ...process.env, NOTIFY_SOCKET: path },
    messages: () => messages,
    async close() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function toldByProgram(folder: string): Promise<NotifySocket> {
  const { path, calls } = fakeProgram(folder, 'systemd-notify')
  return {
    env: { ...process.env, PATH: path, NOTIFY_SOCKET: join(folder, 'notify') },
    messages: calls,
    close: async () => undefined,
  }
}

/** Puts an executable on a PATH of its own that writes down its arguments. */
export function fakeProgram(
  folder: string,
  name: string,
  then = 'exit 0',
): { readonly path: string; calls(): readonly (readonly string[])[] } {
  const log = join(folder, `${name}.calls`)
  const program = join(folder, name)
  writeFileSync(program, `#!/bin/sh\n{ for word; do echo "$word"; done; echo; } >> '${log}'\n${then}\n`)
  chmodSync(program, 0o755)
  return {
    path: `${folder}:${process.env['PATH'] ?? ''}`,
    calls: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .split('\n\n')
            .map((call) => call.split('\n'))
            .slice(0, -1)
        : [],
  }
}

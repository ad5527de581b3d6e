// The rooms of docs/architecture.md as data: which room may use which other room, package or Node module.

export interface Room {
  /** Folders, or single files, from the root of the repository. The longest that fits a file is its room. */
  readonly paths: readonly string[]
  /** Rooms by name, packages by name, `node:*` for every builtin or one by name. A room may always use itself. */
  readonly may: readonly string[]
}

const SERVER_ROOMS = ['oauth', 'accounts', 'fleet', 'push', 'ops', 'storage', 'http']

export const ROOMS: Readonly<Record<string, Room>> = {
  shared: { paths: ['shared/src'], may: ['jose'] },
  'shared/fastify': { paths: ['shared/src/resource-server-fastify.ts'], may: ['shared', 'fastify'] },

  'verifier-web': {
    paths: ['verifier-web/src'],
    may: [
      'shared',
      'preact',
      'preact-render-to-string',
      'intl-messageformat',
      'node:fs',
      'node:crypto',
      'node:url',
      'node:path',
    ],
  },
  'verifier-web/browser': {
    paths: ['verifier-web/src/browser'],
    may: ['verifier-web', 'shared', '@simplewebauthn/browser'],
  },

  oauth: { paths: ['server/src/oauth'], may: ['shared', 'jose', 'typebox', 'node:*'] },
  accounts: {
    paths: ['server/src/accounts'],
    may: [
      ...['oauth', 'shared', '@node-rs/argon2', '@simplewebauthn/server', 'otpauth', 'openid-client', 'bowser'],
      'node:*',
    ],
  },
  fleet: { paths: ['server/src/fleet'], may: ['oauth', 'shared', 'node:*'] },
  push: { paths: ['server/src/push'], may: ['oauth', 'shared', 'node:*'] },
  ops: { paths: ['server/src/ops'], may: ['oauth', 'shared', 'prom-client', 'maxmind', 'nodemailer', 'node:*'] },
  storage: {
    paths: ['server/src/storage'],
    may: ['oauth', 'accounts', 'fleet', 'ops', 'shared', 'better-sqlite3', 'kysely', 'pg', 'node:*'],
  },
  http: {
    paths: ['server/src/http'],
    may: [
      ...SERVER_ROOMS,
      'shared',
      'verifier-web',
      'fastify',
      'fastify-plugin',
      '@fastify/*',
      'ws',
      'qrcode',
      'typebox',
      'node:*',
    ],
  },
  server: {
    paths: [
      'server/src/main.ts',
      'server/src/commands',
      'server/src/app.ts',
      'server/src/config.ts',
      'server/src/config-file.ts',
      'server/src/config-form.ts',
      'server/src/config-look.ts',
      'server/src/config-notices.ts',
      'server/src/config-schema.ts',
      'server/src/config-upstreams.ts',
      'server/src/master-secret.ts',
      'server/src/index.ts',
    ],
    may: [...SERVER_ROOMS, 'demo', 'shared', 'verifier-web', 'fastify', '@fastify/*', 'commander', 'typebox', 'node:*'],
  },
  demo: {
    paths: ['server/src/demo'],
    may: [...SERVER_ROOMS, 'server', 'shared', 'shared/fastify', 'device-agent', 'fastify', 'node:*'],
  },

  core: { paths: ['device-agent/src/core'], may: ['shared', 'jose'] },
  'agent/node': { paths: ['device-agent/src/node'], may: ['core', 'agent/kiosk', 'shared', 'ws', 'qrcode', 'node:*'] },
  'agent/browser': { paths: ['device-agent/src/browser'], may: ['core', 'shared', 'jose', 'qrcode'] },
  'agent/kiosk': { paths: ['device-agent/src/kiosk'], may: ['core', 'shared'] },
  'device-agent': {
    paths: ['device-agent/src/main.ts', 'device-agent/src/commands', 'device-agent/src/index.ts'],
    may: ['core', 'agent/node', 'agent/browser', 'agent/kiosk', 'shared', 'commander', 'node:*'],
  },
}

/** The doors that packages open to each other, and the room behind each. */
export const DOORS: Readonly<Record<string, string>> = {
  '@latchkey/shared': 'shared',
  '@latchkey/shared/resource-server': 'shared',
  '@latchkey/shared/fastify': 'shared/fastify',
  '@latchkey/verifier-web': 'verifier-web',
  '@latchkey/verifier-web/gallery': 'verifier-web',
  '@latchkey/server': 'server',
  '@latchkey/device-agent': 'device-agent',
  '@latchkey/device-agent/browser': 'agent/browser',
}

export function roomOf(path: string): string | undefined {
  let found: string | undefined
  let longest = 0
  for (const [name, room] of Object.entries(ROOMS)) {
    for (const prefix of room.paths) {
      if ((path === prefix || path.startsWith(`${prefix}/`)) && prefix.length > longest) {
        found = name
        longest = prefix.length
      }
    }
  }
  return found
}

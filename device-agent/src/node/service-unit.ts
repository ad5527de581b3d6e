// The systemd unit of the agent, as text. Who writes it to its place is install-service.ts.
import { SEAL_CREDENTIAL } from './sealed-file.ts'

export interface ServiceUnitOptions {
  /** Absolute, of the Node that runs it. */
  readonly node: string
  /** Absolute, of the agent: a bundle, or the file that npm links. */
  readonly program: string
  /** What comes after `run`. */
  readonly runArguments?: readonly string[]
  readonly user?: string
  /** Where `systemd-creds encrypt` left the secret that seals the state; not sealed without. */
  readonly sealedBy?: string | undefined
}

export const SERVICE_NAME = 'latchkey-agent'

/**
 * Exit codes of `run` that no restart mends: wrong usage, and EX_CONFIG (sysexits.h) for a state directory, a secret or a
 * client registration that a person has to look at.
 */
export const PERMANENT_FAULT = { usage: 2, configuration: 78 } as const

/** @throws RangeError for what a unit cannot say */
export function serviceUnit(options: ServiceUnitOptions): string {
  const { node, program, runArguments = [], user = SERVICE_NAME, sealedBy } = options
  const command = [node, program, 'run', ...runArguments].map(quoted).join(' ')
  const sealing = sealedBy ? [`LoadCredentialEncrypted=${SEAL_CREDENTIAL}:${specifierless(sealedBy)}`] : []
  return `# Written by: latchkey-agent install-service. Changes of your own belong in: systemctl edit ${SERVICE_NAME}
[Unit]
Description=Latchkey device agent
After=network.target nss-lookup.target
# Neither network-online.target nor time-sync.target: the agent waits for both by itself, and shows meanwhile that it does.
# Tried again for ever; the pauses are below.
StartLimitIntervalSec=0

[Service]
Type=notify
# The word comes through systemd-notify, a process beside the main one.
NotifyAccess=all
ExecStart=${command}
EnvironmentFile=-/etc/default/${SERVICE_NAME}
Environment=NODE_ENV=production

# A fixed user: DynamicUser makes the state directory a symbolic link, which the agent refuses.
User=${user}
StateDirectory=${SERVICE_NAME}
StateDirectoryMode=0700
RuntimeDirectory=${SERVICE_NAME}
RuntimeDirectoryMode=0750
${sealing.map((line) => `${line}\n`).join('')}UMask=0077
LimitCORE=0

Restart=on-failure
RestartSec=10
RestartPreventExitStatus=${Object.values(PERMANENT_FAULT).join(' ')}
TimeoutStartSec=60
# Every file is whole at any moment: what does not end by itself may be ended.
TimeoutStopSec=5
KillMode=mixed
WatchdogSec=120

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: Node compiles while it runs. Neither ProcSubset=pid nor ProtectProc: the lock on the
# credentials tells living processes from dead ones by /proc, inside the service and outside.

[Install]
WantedBy=multi-user.target
`
}

/** One word of a command line: systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers". */
function quoted(word: string): string {
  const plain = specifierless(word).replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function specifierless(text: string): string {
  if (/[\x00-\x1f\x7f]/.test(text)) throw new RangeError('A line of a unit holds no control characters.')
  return text.replaceAll('%', '%%')
}

// What a program of one's own uses of the agent; the command line in main.ts is built from the same parts.
export * from './core/agent.ts'
export type { ApiRequest } from './core/api-request.ts'
export {
  type Client,
  clientCredentials,
  type DeviceDescription,
  discover,
  type Metadata,
  type Tokens,
} from './core/client.ts'
export type { KeyFit } from './core/connection.ts'
export * from './core/credentials.ts'
export type { DaemonState, Found } from './core/daemon-step.ts'
export * from './core/enrolment.ts'
export type { EnrolmentKeys, EnrolmentRecord, EnrolmentStore, KeyPlace } from './core/enrolment-record.ts'
export * from './core/errors.ts'
export type { Fetch, Wire } from './core/exchange.ts'
export { type KeyStore, memoryKeys } from './core/keys.ts'
export { LinkRequest, type WaitingState } from './core/link-request.ts'
export type { PendingLink, PendingStore, PendingTerms } from './core/pending-link.ts'
export type { Socket, SocketEvents, Sockets } from './core/sockets.ts'
export { openScreen, type Screen } from './kiosk/screen.ts'
export { credentialFile, stateDirectory } from './node/credential-file.ts'
export { type Daemon, type DaemonNews, type DaemonOptions, daemon } from './node/daemon.ts'
export { enrolmentFile } from './node/enrolment-file.ts'
export { keyFile } from './node/key-file.ts'
export { type KioskOptions, kioskServer } from './node/kiosk-server.ts'
export { pendingFile } from './node/pending-file.ts'
export type { FolderOptions } from './node/private-folder.ts'
export * from './node/qr.ts'
export { screenFolder } from './node/screen-folder.ts'
export { stateHook } from './node/state-hook.ts'
export { linkedSentence, type Terminal, type TerminalScreen, terminalScreen } from './node/terminal-screen.ts'
export { nodeSockets } from './node/web-sockets.ts'

// The server as a library: build the app, or open a provider, inside a program of one's own.
export { buildApp, type Parts } from './app.ts'
export { type Config, ConfigError, loadConfig, parseConfig } from './config.ts'
export { openStore } from './storage/open.ts'

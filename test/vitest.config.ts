import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { NoSkips } from './support/no-skips.ts'

// Tests run from the sources (the export condition below), except where they start the built commands as processes.
const conditions = ['@latchkey/source']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['**/*.test.ts'],
    reporters: ['default', new NoSkips()],
    // Most tests wait for a browser or a process as long as they work themselves; two cores are what CI has.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})

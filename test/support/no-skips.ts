import type { Reporter, TestModule } from 'vitest/node'

/** Fails the run when a test was skipped or left to do: a suite that shrinks silently proves nothing. */
export class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    let passed = 0
    let failed = 0
    const skipped: string[] = []
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const state = test.result().state
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else skipped.push(`${module.relativeModuleId} > ${test.fullName}`)
      }
      failed += module.errors().length
    }
    for (const name of skipped) console.error(`skipped: ${name}`)
    console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
    if (skipped.length > 0 && process.env['CI']) process.exitCode = 1
  }
}

// TVs keep the browser they were sold with. What core needs and a browser of 2020 lacks is filled in, and only there.

/** To be called before anything else runs. */
export function fillGaps(): void {
  fill(URL, 'canParse', (address: string, base?: string) => {
    try {
      return Boolean(new URL(address, base))
    } catch {
      return false
    }
  })
  fill(AbortSignal.prototype, 'throwIfAborted', function throwIfAborted(this: AbortSignal) {
    if (this.aborted) throw this.reason ?? new DOMException('aborted', 'AbortError')
  })
}

function fill<T extends object, N extends keyof T>(target: T, name: N, value: T[N]): void {
  if (name in target) return
  Object.defineProperty(target, name, { value, configurable: true, writable: true })
}

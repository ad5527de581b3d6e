// News within one process.
import type { News, NewsEvent } from '../oauth/news.ts'

type Listener = (event: NewsEvent) => void

export function localNews(): News {
  const listeners = new Map<string, Set<Listener>>()
  return {
    publish(requestId, event) {
      // A copy: who hears the last event stops listening in the middle of it.
      for (const listener of [...(listeners.get(requestId) ?? [])]) listener(event)
    },
    listen(requestId, listener) {
      const waiting = listeners.get(requestId) ?? new Set()
      listeners.set(requestId, waiting.add(listener))
      return () => {
        waiting.delete(listener)
        if (waiting.size === 0 && listeners.get(requestId) === waiting) listeners.delete(requestId)
      }
    },
  }
}

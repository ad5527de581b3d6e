// Work that is done again and again while the server runs. Passed in, so that a test decides when its moment comes.

/** Does `work`, which neither throws nor rejects, every so many milliseconds, until the function that it returns is called. */
export type Every = (milliseconds: number, work: () => unknown) => () => void

/** By the machine's timer, which does not keep the process alive. */
export const everyInterval: Every = (milliseconds, work) => {
  const timer = setInterval(work, milliseconds)
  timer.unref()
  return () => clearInterval(timer)
}

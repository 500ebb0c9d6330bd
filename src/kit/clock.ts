import { performance } from 'node:perf_hooks';

/** Time as the program sees it; tests put a `ManualClock` in its place. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds since some fixed point; never jumps. For durations and deadlines. */
  monotonic(): number;
  /** Runs `task` once after `ms`; the result cancels it. Does not keep the process alive. */
  after(ms: number, task: () => void): () => void;
  /** Runs `task` each `ms`, until cancelled. Does not keep the process alive. */
  every(ms: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms).unref();
    return () => clearTimeout(timer);
  },
  every(ms, task) {
    const timer = setInterval(task, ms).unref();
    return () => clearInterval(timer);
  },
};

/** Of this thread, and never another one: asking costs as much as asking for the time. */
const { timeOrigin } = performance;

/** Microseconds since the Unix epoch with the resolution of the monotonic clock, the same scale in all threads. */
export function epochMicros(): number {
  return (timeOrigin + performance.now()) * 1000;
}

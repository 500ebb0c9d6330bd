import { readlinkSync } from 'node:fs';
import os from 'node:os';

/** Lets the other threads of the process go first: gives the calling one this niceness, 0…19. */
export function lowerPriority(nice: number): void {
  try {
    // On Linux the priority belongs to the thread; /proc names the one that asks.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    os.setPriority(thread, nice);
  } catch {
    // Elsewhere, or where it is forbidden, all threads run at the same priority.
  }
}

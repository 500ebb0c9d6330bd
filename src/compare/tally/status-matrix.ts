/** Index 0 is a status that is none. */
const CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx', 'failed'] as const;
const FAILED = CLASSES.length - 1;

/** Counts of `primary>mirror` by class of status. */
export class StatusMatrix {
  readonly #counts = Array.from({ length: CLASSES.length * CLASSES.length }, () => 0);

  /** @param mirror undefined when it failed */
  count(primary: number, mirror: number | undefined): void {
    const at = classOf(primary) * CLASSES.length + (mirror === undefined ? FAILED : classOf(mirror));
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  add(statuses: Readonly<Record<string, number>>): void {
    for (const [at] of this.#counts.entries())
      this.#counts[at] = (this.#counts[at] ?? 0) + (statuses[nameOf(at)] ?? 0);
  }

  take(): Record<string, number> {
    const taken: Record<string, number> = {};
    for (const [at, count] of this.#counts.entries()) if (count > 0) taken[nameOf(at)] = count;
    this.#counts.fill(0);
    return taken;
  }
}

function classOf(status: number): number {
  return status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
}

function nameOf(at: number): string {
  return `${CLASSES[Math.floor(at / CLASSES.length)]}>${CLASSES[at % CLASSES.length]}`;
}

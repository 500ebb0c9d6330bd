import { Pacing } from '../observe/pacing.ts';
import { TapeReader } from '../observe/tape-reader.ts';
import type { BreakerChange, ObserverWorkerData } from './messages.ts';
import { ObserverThread } from './observer-thread.ts';

/** Read from the tape in one go, bytes; between two goes the mirrors' sockets have their turn. */
const BATCH_BYTES = 16 * 1024;
/** Pause between two looks at a tape that was not empty, ms: records gather, and one batch costs less than many. */
const POLL_MS = 1;
/** Looks that find nothing before the thread goes to sleep until the live worker wakes it. */
const EMPTY_LOOKS = 20;

/** The observer of a live worker: reads its tape. */
export class TapeThread {
  readonly thread: ObserverThread;
  readonly #reader: TapeReader;
  readonly #pacing: Pacing;
  #emptyLooks = 0;
  #draining = false;
  readonly #look = (): void => this.#readTape();
  #timer: NodeJS.Timeout | undefined;

  constructor(data: ObserverWorkerData, onBreaker: (change: BreakerChange) => void = () => {}) {
    this.#reader = new TapeReader(data.tape);
    this.#pacing = new Pacing(data.tape.ringBytes);
    this.thread = new ObserverThread({ ...data, answers: this.#reader, onBreaker });
  }

  start(): void {
    this.#timer = setTimeout(this.#look, POLL_MS);
  }

  /** Resolves when the tape is empty and every copy is over. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (this.#reader.read(this.thread.observer, BATCH_BYTES));
    await this.thread.finish();
  }

  #readTape(): void {
    if (this.#draining) return;
    const { thread } = this;
    const { unread } = this.#reader;
    if (this.#pacing.holds(unread, thread.progress(), performance.now())) {
      this.#timer?.refresh();
      return;
    }
    thread.observer.keep = this.#pacing.keep(unread);
    this.#emptyLooks = this.#reader.read(thread.observer, BATCH_BYTES) ? 0 : this.#emptyLooks + 1;
    if (this.#reader.unread > 0) setImmediate(this.#look);
    else if (this.#emptyLooks < EMPTY_LOOKS) this.#timer?.refresh();
    else this.#sleep();
  }

  #sleep(): void {
    this.#emptyLooks = 0;
    const woken = this.#reader.wait();
    if (woken === undefined) setImmediate(this.#look);
    else void woken.then(this.#look);
  }
}

import { systemClock } from '../kit/clock.ts';
import type { Clock } from '../kit/clock.ts';

/** Something that times out. Its owner writes the tracker's `tick` here at each sign of life: one store, no call. */
export interface Idling {
  lastTick: number;
}

/** An item's place with the tracker. */
export interface IdleEntry<Item extends Idling> {
  readonly item: Item;
  timeoutTicks: number;
  slot: number;
  before: IdleEntry<Item> | undefined;
  after: IdleEntry<Item> | undefined;
}

export interface IdleOptions<Item extends Idling> {
  /** The item has shown no sign of life for its timeout, and up to two ticks more; it is not tracked any longer. */
  readonly onIdle: (item: Item) => void;
  /** Default 100 ms. */
  readonly tickMs?: number;
  readonly clock?: Clock;
}

const TICK_MS = 100;
/** A power of two. Timeouts beyond 1023 ticks are looked at once per turn of the wheel. */
const SLOTS = 1024;
/** Items given up in one tick; the others have to wait for the next, so that closing them never holds up the relays. */
const EXPIRED_MAX = 500;
/**
 * Ticks made up for at once when the thread was held up. Its sockets may have data that it has not read yet, so the
 * others are forgotten: better a connection that stays too long than one that is closed while it lives.
 */
const MISSED_MAX = 3;
const NO_SLOT = -1;

/**
 * Timeouts of many connections with one timer: a wheel of lists (hashed timing wheel; Varghese and Lauck 1987), in which
 * an item stands at the tick where it would time out if it showed no more signs of life. Whether it has is looked at only
 * then, so a tick touches few items, and a sign of life moves nothing.
 */
export class IdleTracker<Item extends Idling> implements Disposable {
  /** Counts up once per tick while there are items. */
  tick = 0;
  size = 0;
  readonly #tickMs: number;
  readonly #clock: Clock;
  readonly #onIdle: (item: Item) => void;
  readonly #slots: (IdleEntry<Item> | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  #stop: (() => void) | undefined;
  #lastBeat = 0;

  constructor(options: IdleOptions<Item>) {
    this.#onIdle = options.onIdle;
    this.#tickMs = options.tickMs ?? TICK_MS;
    this.#clock = options.clock ?? systemClock;
  }

  /** Tracks an item, which counts as alive now. */
  add(item: Item, timeoutMs: number): IdleEntry<Item> {
    const entry: IdleEntry<Item> = {
      item,
      timeoutTicks: 0,
      slot: NO_SLOT,
      before: undefined,
      after: undefined,
    };
    this.set(entry, timeoutMs);
    return entry;
  }

  /** Gives the item another timeout, from now on; one that was removed or has timed out is tracked again. */
  set(entry: IdleEntry<Item>, timeoutMs: number): void {
    this.remove(entry);
    entry.item.lastTick = this.tick;
    entry.timeoutTicks = Math.ceil(timeoutMs / this.#tickMs);
    this.size++;
    this.#place(entry);
    if (this.#stop !== undefined) return;
    this.#lastBeat = this.#clock.monotonic();
    this.#stop = this.#clock.every(this.#tickMs, () => this.#beat());
  }

  remove(entry: IdleEntry<Item>): void {
    if (entry.slot === NO_SLOT) return;
    this.#unlink(entry);
    this.size--;
  }

  [Symbol.dispose](): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #beat(): void {
    if (this.size === 0) {
      this[Symbol.dispose]();
      return;
    }
    const missed = Math.floor((this.#clock.monotonic() - this.#lastBeat) / this.#tickMs);
    this.#lastBeat += missed * this.#tickMs;
    for (let i = Math.min(missed, MISSED_MAX); i > 0; i--) this.#advance();
  }

  #advance(): void {
    this.tick++;
    const slot = this.tick & (SLOTS - 1);
    let expired = 0;
    // Always the first one: what `onIdle` does may remove any other.
    for (let entry = this.#slots[slot]; entry !== undefined; entry = this.#slots[slot]) {
      this.#unlink(entry);
      // A sign of life may have come right before the tick after it.
      if (this.tick - entry.item.lastTick <= entry.timeoutTicks || expired >= EXPIRED_MAX) {
        this.#place(entry);
      } else {
        expired++;
        this.size--;
        this.#onIdle(entry.item);
      }
    }
  }

  #place(entry: IdleEntry<Item>): void {
    const ticks = entry.item.lastTick + entry.timeoutTicks + 1 - this.tick;
    const slot = (this.tick + Math.min(Math.max(ticks, 1), SLOTS - 1)) & (SLOTS - 1);
    const first = this.#slots[slot];
    entry.slot = slot;
    entry.before = undefined;
    entry.after = first;
    if (first !== undefined) first.before = entry;
    this.#slots[slot] = entry;
  }

  #unlink(entry: IdleEntry<Item>): void {
    const { before, after } = entry;
    if (before === undefined) this.#slots[entry.slot] = after;
    else before.after = after;
    if (after !== undefined) after.before = before;
    entry.slot = NO_SLOT;
    entry.before = undefined;
    entry.after = undefined;
  }
}

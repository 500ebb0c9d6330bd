import type { CaptureSettings } from '../model/capture.ts';
import { CaptureTap } from './capture-tap.ts';
import type { CaptureTapOptions } from './capture-tap.ts';

export interface CapturesOptions {
  /** What a capture is started with, by the settings of the instance as they are now. */
  readonly optionsOf: (capture: CaptureSettings) => Omit<CaptureTapOptions, 'capture' | 'onOver'>;
  /** A capture is over. */
  readonly onOver: () => void;
}

/** The packet taps of an instance. */
export class Captures implements AsyncDisposable {
  readonly #options: CapturesOptions;
  readonly #taps = new Map<string, CaptureTap>();
  /** Those that are still to be opened. */
  #pending = 0;

  constructor(options: CapturesOptions) {
    this.#options = options;
  }

  get all(): readonly CaptureTap[] {
    return [...this.#taps.values()];
  }

  /** Whether there are some, and nothing more comes from any. */
  get over(): boolean {
    return this.#pending === 0 && this.#taps.size > 0 && this.all.every(({ over }) => over);
  }

  /**
   * Opens those that are there no more than in the settings, and lets go of those that are not. One whose settings are the
   * same goes on.
   *
   * @throws UserError when the packets of one cannot be had; those before it are changed then
   */
  async apply(wanted: readonly CaptureSettings[]): Promise<void> {
    for (const tap of this.all) {
      const settings = wanted.find(({ name }) => name === tap.name);
      if (settings === undefined || !this.#isSame(tap, settings)) await this.#retire(tap);
    }
    this.#pending++;
    try {
      await this.#openAll(wanted);
    } finally {
      this.#pending--;
    }
    // One may have ended while another was opened.
    this.#options.onOver();
  }

  async #openAll(wanted: readonly CaptureSettings[]): Promise<void> {
    for (const capture of wanted) {
      const { policies, paused } = this.#options.optionsOf(capture);
      const running = this.#taps.get(capture.name);
      if (running === undefined) this.#taps.set(capture.name, await this.#open(capture));
      else running.setPolicies(policies, paused);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((tap) => tap[Symbol.asyncDispose]()));
  }

  #isSame(tap: CaptureTap, settings: CaptureSettings): boolean {
    const { observer } = this.#options.optionsOf(settings);
    return (
      JSON.stringify(tap.settings) === JSON.stringify(settings) &&
      JSON.stringify(tap.observer) === JSON.stringify(observer)
    );
  }

  #open(capture: CaptureSettings): Promise<CaptureTap> {
    const { onOver, optionsOf } = this.#options;
    return CaptureTap.start({ ...optionsOf(capture), capture, onOver });
  }

  /** Another may want its socket: so it ends first. */
  async #retire(tap: CaptureTap): Promise<void> {
    this.#taps.delete(tap.name);
    await tap.drain();
    await tap[Symbol.asyncDispose]();
  }
}

import { stat } from 'node:fs/promises';
import { UserError } from '../kit/errors.ts';
import { FileWatch } from '../kit/file-watch.ts';
import type { Logger } from '../kit/log.ts';
import { ConfigError } from '../config/problem.ts';
import type { Runtime } from '../model/runtime.ts';
import type { Settings } from '../model/settings.ts';
import type { Signals } from './command.ts';

export interface ConfigReloadOptions {
  readonly file: string;
  /** When reading the file in force began, ms since the Unix epoch by the machine's clock, as files are dated. */
  readonly readAt: number;
  /** Reads the file anew; throws a `UserError` when it cannot be used. */
  readonly load: () => Settings;
  readonly runtime: Runtime;
  readonly signals: Signals;
  readonly log: Logger;
}

/** Puts a configuration file in force whenever it changes, and at SIGHUP. One that cannot be used is refused and told. */
export class ConfigReload implements Disposable {
  readonly #options: ConfigReloadOptions;
  #watch: FileWatch | undefined;
  #running = false;
  #again = false;

  private constructor(options: ConfigReloadOptions) {
    this.#options = options;
    options.signals.on('SIGHUP', this.#onChange);
  }

  static async start(options: ConfigReloadOptions): Promise<ConfigReload> {
    const reload = new ConfigReload(options);
    reload.#watch = await FileWatch.start([options.file], { onChange: reload.#onChange });
    // What came between reading the file and watching it would never be noticed.
    const { mtimeMs } = await stat(options.file).catch(() => ({ mtimeMs: 0 }));
    if (mtimeMs > options.readAt) reload.#onChange();
    return reload;
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#options.signals.off('SIGHUP', this.#onChange);
  }

  /** One at a time; what changes meanwhile is taken in once more after it. */
  readonly #onChange = (): void => {
    this.#again = true;
    if (!this.#running) void this.#run();
  };

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      await this.#reload();
    }
    this.#running = false;
  }

  async #reload(): Promise<void> {
    const { file, load, runtime, log } = this.#options;
    try {
      await runtime.reload(load());
      log.info('configuration reloaded', { file });
    } catch (error) {
      const problems = problemsOf(error);
      log.error('configuration refused, the running one stays in force', { file, problems });
      runtime.refused(problems);
    }
  }
}

function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) {
    return error.problems.map(({ where, path, message, hint }) =>
      [where, path, message, hint].filter((part) => part !== undefined && part !== '').join(': '),
    );
  }
  if (error instanceof UserError) {
    return [[error.where, error.message, error.hint].filter((part) => part !== undefined).join(': ')];
  }
  return [`internal error: ${String(error)}`];
}

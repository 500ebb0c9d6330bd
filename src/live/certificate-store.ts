import { messageOf, UserError } from '../kit/errors.ts';
import { FileWatch } from '../kit/file-watch.ts';
import type { FileWatchOptions } from '../kit/file-watch.ts';
import { createTicketKeys, loadCertificates } from './certificates.ts';
import type { TerminatingTls, TlsBundle } from './tls-server.ts';

export interface CertificateStoreOptions extends Omit<FileWatchOptions, 'onChange'> {
  /** Other certificates have been loaded and checked; give them to the workers. */
  readonly onChange: (bundle: TlsBundle) => void;
  /** The files have changed into something that cannot be used; what was loaded before stays. */
  readonly onRefused: (error: UserError) => void;
  /** Something that is not as it should be, with the file's name; at the first load, too. */
  readonly onWarning: (warning: string) => void;
}

/**
 * The certificates of one listener, kept up to date with their files. It belongs to main: each change is read and checked
 * once and then posted to the workers.
 */
export class CertificateStore implements Disposable {
  readonly #tls: TerminatingTls;
  readonly #options: CertificateStoreOptions;
  #bundle: TlsBundle;
  #watch: FileWatch | undefined;
  /** The reload under way, and whether the files have changed again since it began. */
  #loading: Promise<void> | undefined;
  #again = false;
  #closed = false;

  private constructor(tls: TerminatingTls, options: CertificateStoreOptions, bundle: TlsBundle) {
    this.#tls = tls;
    this.#options = options;
    this.#bundle = bundle;
  }

  /** @throws UserError when the files cannot be used */
  static async open(tls: TerminatingTls, options: CertificateStoreOptions): Promise<CertificateStore> {
    // Watched before they are read, so that no change falls in between.
    let store: CertificateStore | undefined;
    let early = false;
    const files = tls.certificates.flatMap(({ cert, key }) => [cert, key]);
    const watch = await FileWatch.start(tls.clientCa === undefined ? files : [...files, tls.clientCa], {
      ...options,
      onChange: () => {
        if (store === undefined) early = true;
        else void store.reload();
      },
    });
    try {
      const { bundle, warnings } = await loadCertificates(tls, createTicketKeys());
      for (const warning of warnings) options.onWarning(warning);
      store = new CertificateStore(tls, options, bundle);
      store.#watch = watch;
      if (early) void store.reload();
      return store;
    } catch (error) {
      watch[Symbol.dispose]();
      throw error;
    }
  }

  /** What was last loaded and could be used. */
  get bundle(): TlsBundle {
    return this.#bundle;
  }

  /** Reads the files now, as a change of theirs does; never rejects. */
  async reload(): Promise<void> {
    this.#again = true;
    this.#loading ??= this.#loadUntilQuiet().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#watch?.[Symbol.dispose]();
  }

  async #loadUntilQuiet(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#load();
    }
  }

  async #load(): Promise<void> {
    const loaded = await loadCertificates(this.#tls, this.#bundle.ticketKeys).catch((error: unknown) =>
      error instanceof UserError ? error : new UserError(messageOf(error), { code: 'config', cause: error }),
    );
    if (this.#closed) return;
    if (loaded instanceof UserError) {
      this.#options.onRefused(loaded);
    } else if (!sameText(loaded.bundle, this.#bundle)) {
      this.#bundle = loaded.bundle;
      for (const warning of loaded.warnings) this.#options.onWarning(warning);
      this.#options.onChange(loaded.bundle);
    }
  }
}

function sameText(one: TlsBundle, other: TlsBundle): boolean {
  return (
    one.clientCa === other.clientCa &&
    one.certificates.length === other.certificates.length &&
    one.certificates.every(({ cert, key }, i) => {
      const twin = other.certificates[i];
      return cert === twin?.cert && key === twin.key;
    })
  );
}

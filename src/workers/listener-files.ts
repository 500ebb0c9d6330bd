import type { Logger } from '../kit/log.ts';
import { CertificateStore } from '../live/certificate-store.ts';
import { loadClientPem } from '../live/tls-client.ts';
import type { ClientPem } from '../live/tls-client.ts';
import type { TerminatingTls, TlsBundle } from '../live/tls-server.ts';
import type { ListenerSettings } from '../model/settings.ts';

/** A listener's settings with what its files hold. */
export interface PreparedListener {
  readonly listener: ListenerSettings;
  readonly certificates: CertificateStore | undefined;
  readonly primaryPem: ClientPem | undefined;
}

export interface ListenerFilesOptions {
  /** A listener's certificates have changed. */
  readonly onChange: (listener: string, bundle: TlsBundle) => void;
  readonly log: Logger;
}

/** The certificates and keys of an instance's listeners: read before a listener starts, and watched while it runs. */
export class ListenerFiles implements Disposable {
  readonly #options: ListenerFilesOptions;
  readonly #watched = new Map<string, CertificateStore>();

  constructor(options: ListenerFilesOptions) {
    this.#options = options;
  }

  /**
   * Reads the files that a listener needs.
   *
   * @param running its settings so far; with the same TLS its certificates stay
   * @param opened takes what is opened
   * @throws UserError when they cannot be used
   */
  async prepare(
    listener: ListenerSettings,
    running: ListenerSettings | undefined,
    opened: AsyncDisposableStack,
  ): Promise<PreparedListener> {
    const { name, tls } = listener;
    const primaryPem = await this.#primaryPem(listener);
    if (tls.mode !== 'terminate') return { listener, certificates: undefined, primaryPem };
    const known = this.#watched.get(name);
    if (known !== undefined && JSON.stringify(running?.tls) === JSON.stringify(tls))
      return { listener, certificates: known, primaryPem };
    const certificates = opened.use(await this.#open(name, tls));
    return { listener, certificates, primaryPem };
  }

  /** These are the listener's from now on; those of before are not watched any more. */
  watch(listener: string, certificates: CertificateStore | undefined): void {
    const before = this.#watched.get(listener);
    if (before === certificates) return;
    before?.[Symbol.dispose]();
    if (certificates === undefined) this.#watched.delete(listener);
    else this.#watched.set(listener, certificates);
  }

  [Symbol.dispose](): void {
    for (const certificates of this.#watched.values()) certificates[Symbol.dispose]();
  }

  #open(name: string, tls: TerminatingTls): Promise<CertificateStore> {
    const { log, onChange } = this.#options;
    return CertificateStore.open(tls, {
      onChange: (bundle) => {
        onChange(name, bundle);
        log.info('certificates were reloaded', { listener: name });
      },
      onRefused: (error) =>
        log.error('changed certificates were refused', { listener: name, error: error.message }),
      onWarning: (warning) => log.warn(warning, { listener: name }),
    });
  }

  async #primaryPem({ name, primary }: ListenerSettings): Promise<ClientPem | undefined> {
    if (primary.tls === undefined) return undefined;
    const { pem, warnings } = await loadClientPem(primary.tls);
    for (const warning of warnings) this.#options.log.warn(warning, { listener: name });
    return pem;
  }
}

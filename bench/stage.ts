import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, startBackend } from './backends.ts';
import { findBinary } from './binaries.ts';
import { type Checker, openChecker } from './checker.ts';
import { type Cores, divideCores, leaveProxyCore } from './cores.ts';
import { openProcesses, type Processes } from './processes.ts';

/** Everything the contenders share. */
export interface Stage extends AsyncDisposable {
  /** Removed on disposal. */
  readonly folder: string;
  readonly cores: Cores;
  readonly processes: Processes;
  readonly checker: Checker;
  readonly primary: Backend;
  readonly mirror: Backend;
  readonly certificate: { readonly cert: string; readonly key: string };
  /** A line of progress on standard error. */
  progress(text: string): void;
  /** A new empty folder. */
  subfolder(): string;
}

/** Programs without which nothing can be measured. */
const NEEDED = ['nginx', 'wrk', 'taskset', 'setpriv', 'openssl'];

/**
 * Starts both backends on the load's cores.
 *
 * @throws Error when a needed program is missing or a backend does not start
 */
export async function openStage(): Promise<Stage> {
  const missing = NEEDED.filter((name) => findBinary(name) === undefined);
  if (missing.length > 0) throw new Error(`the benchmark needs ${missing.join(', ')}`);
  const cores = divideCores();
  leaveProxyCore(cores);
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const processes = stack.use(openProcesses());
  const leave = (signal: NodeJS.Signals): void => {
    processes.killAll();
    rmSync(folder, { recursive: true, force: true });
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, leave);
    stack.defer(() => {
      process.off(signal, leave);
    });
  }
  const checker = stack.use(await openChecker());
  const certificate = makeCertificate(folder);
  const common = {
    folder,
    nginx: findBinary('nginx') ?? 'nginx',
    cores: cores.load,
    certificate,
    checkPort: checker.port,
  };
  const primary = await startBackend(processes, { ...common, name: 'primary' });
  const mirror = await startBackend(processes, { ...common, name: 'mirror' });
  const owned = stack.move();
  let subfolders = 0;
  return {
    folder,
    cores,
    processes,
    checker,
    primary,
    mirror,
    certificate,
    progress: (text) => void process.stderr.write(`${text}\n`),
    subfolder() {
      const path = join(folder, String(++subfolders));
      mkdirSync(path);
      return path;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function makeCertificate(folder: string): { cert: string; key: string } {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const { status, stderr } = spawnSync('openssl', [
    ...words('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'),
    ...words('-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout'),
    files.key,
    '-out',
    files.cert,
  ]);
  if (status !== 0) throw new Error(`openssl: ${String(stderr)}`);
  return files;
}

function words(text: string): readonly string[] {
  return text.split(' ');
}

import { resolve } from 'node:path';
import { writtenSource } from './capture-text.ts';
import type { Origin } from './flag-source.ts';
import { flagSource } from './flag-source.ts';
import { loadConfig, put, validate } from './load.ts';
import type { LoadedConfig, Override } from './load.ts';
import { ConfigError } from './problem.ts';
import type { Problem } from './problem.ts';
import { diskSurroundings } from './surroundings.ts';

/** The flags that stand for a configuration, as the user wrote them. Repeatable ones are lists. */
export interface ConfigFlags {
  /** A file. Of the other flags only `admin`, `log` and `store` go with it. */
  readonly config?: string | undefined;
  readonly listen?: string | undefined;
  /** URLs of the primary's endpoints. */
  readonly primary?: readonly string[] | undefined;
  /** `URL` or `name=URL`. */
  readonly mirror?: readonly string[] | undefined;
  readonly control?: string | undefined;
  /** Where packets come from: see `writtenSource`. */
  readonly capture?: readonly string[] | undefined;
  /** BPF filter of interfaces. */
  readonly captureFilter?: string | undefined;
  /** Network namespace of interfaces. */
  readonly namespace?: string | undefined;
  /** Numbers with commas between. */
  readonly serverPorts?: string | undefined;
  readonly keyLog?: string | undefined;
  /** Address where decoded traffic is given out. */
  readonly captureOutput?: string | undefined;
  readonly percent?: string | undefined;
  readonly sampleBy?: string | undefined;
  readonly writes?: string | undefined;
  /** Paths of differences that say nothing. */
  readonly ignore?: readonly string[] | undefined;
  /** File that verdicts and examples are kept in. */
  readonly store?: string | undefined;
  /** An address, or `off`. */
  readonly admin?: string | undefined;
  /** A level, a format, or both: `debug`, `json`, `debug,json`. */
  readonly log?: string | undefined;
}

type QuickStartFlag = Exclude<keyof ConfigFlags, 'config' | 'admin' | 'log' | 'store'>;

/** As they are written on the command line. */
const FLAG_NAMES: Readonly<Record<QuickStartFlag, string>> = {
  listen: '--listen',
  primary: '--primary',
  mirror: '--mirror',
  control: '--control',
  capture: '--capture',
  captureFilter: '--capture-filter',
  namespace: '--namespace',
  serverPorts: '--server-ports',
  keyLog: '--key-log',
  captureOutput: '--capture-output',
  percent: '--percent',
  sampleBy: '--sample-by',
  writes: '--writes',
  ignore: '--ignore',
};

/** What the quick start calls the things that a file would name. */
const QUICK_START_NAMES = { listener: 'main', policy: 'main', mirror: 'mirror', capture: 'capture' } as const;

/** Flags that say more about captures. */
const CAPTURE_FLAGS = ['captureFilter', 'namespace', 'serverPorts', 'keyLog', 'captureOutput'] as const;
/** Flags that say more about copies. */
const COPY_FLAGS = ['control', 'percent', 'sampleBy', 'writes', 'ignore'] as const;

const FORMATS: ReadonlySet<string> = new Set(['auto', 'json', 'text']);

/**
 * Settings from flags and environment: those of the file that `--config` names, or of the quick start. `--admin`, `--log`,
 * `--store`, `UNDERSTUDY_ADMIN_TOKEN` and `UNDERSTUDY_LOG` hold over the file; a flag holds over its variable.
 *
 * @param folder what relative paths in flags start from
 * @throws ConfigError with everything that is wrong; each problem names its flag, variable or line
 */
export function settingsFromFlags(
  flags: ConfigFlags,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): LoadedConfig {
  const overrides = overridesOf(flags, env, folder);
  if (flags.config !== undefined) {
    refuseBoth(flags);
    return loadConfig(flags.config, env, overrides);
  }
  const { value, origins } = quickStart(flags);
  const complete = overrides.reduce(
    (changed, override) => put(changed, override.path, override.value),
    value,
  );
  return validate(flagSource(complete, [...origins, ...overrides]), diskSurroundings(folder, env));
}

/** What flags and variables set whether or not there is a file. */
function overridesOf(
  flags: ConfigFlags,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): readonly Override[] {
  const overrides: Override[] = [];
  if (flags.store !== undefined) {
    // Paths in a file start from its folder, this one does not. An empty one is for the schema to refuse.
    const value = /^$|[\\/]$/.test(flags.store) ? flags.store : resolve(folder, flags.store);
    overrides.push({ path: ['store', 'file'], name: '--store', value });
  }
  if (flags.admin !== undefined)
    overrides.push({ path: ['admin', 'listen'], name: '--admin', value: flags.admin });
  const token = env['UNDERSTUDY_ADMIN_TOKEN'];
  if (token !== undefined && token !== '') {
    overrides.push({ path: ['admin', 'token'], name: 'UNDERSTUDY_ADMIN_TOKEN', value: token });
  }
  const [log, name] =
    flags.log === undefined ? [env['UNDERSTUDY_LOG'], 'UNDERSTUDY_LOG'] : [flags.log, '--log'];
  for (const word of (log ?? '').split(',')) {
    const value = word.trim();
    if (value !== '') overrides.push({ path: ['log', FORMATS.has(value) ? 'format' : 'level'], name, value });
  }
  return overrides;
}

function refuseBoth(flags: ConfigFlags): void {
  const given = quickStartFlagsOf(flags);
  if (given.length === 0) return;
  throw new ConfigError(
    'the command line',
    given.map((flag) =>
      problem(
        FLAG_NAMES[flag],
        `does not go with --config`,
        'set it in the file; only --admin, --log and --store hold over a file',
      ),
    ),
  );
}

function quickStartFlagsOf(flags: ConfigFlags): readonly QuickStartFlag[] {
  const names = Object.keys(FLAG_NAMES) as readonly QuickStartFlag[];
  return names.filter((flag) => {
    const value = flags[flag];
    return value !== undefined && value.length > 0;
  });
}

interface Written {
  readonly value: Readonly<Record<string, unknown>>;
  readonly origins: readonly Origin[];
}

/** The configuration that the quick start flags stand for, as a file would hold it. */
function quickStart(flags: ConfigFlags): Written {
  requireFlags(flags);
  const { listen, primary = [], mirror = [], control, percent, sampleBy, writes, ignore = [] } = flags;
  const { listener: name, policy: policyName } = QUICK_START_NAMES;
  const listener = { name, listen, primary: { endpoints: primary } };
  const captures = capturesOf(flags);
  const policy = {
    name: policyName,
    mirrors: mirror.map(mirrorOf),
    ...(control === undefined ? {} : { control: { url: control } }),
    ...(percent === undefined ? {} : { percent: numberOf(percent) }),
    ...(sampleBy === undefined ? {} : { sampleBy }),
    ...(writes === undefined ? {} : { writes }),
    ...(ignore.length === 0 ? {} : { compare: { ignore } }),
  };
  return {
    value: {
      listeners: listen === undefined && primary.length === 0 ? [] : [listener],
      captures: captures.map(({ section }) => section),
      policies: mirror.length === 0 ? [] : [policy],
    },
    origins: [
      ...captures.flatMap(({ origins }) => origins),
      { path: ['listeners', 0, 'listen'], name: FLAG_NAMES.listen },
      { path: ['listeners', 0, 'primary'], name: FLAG_NAMES.primary },
      { path: ['policies', 0, 'mirrors'], name: FLAG_NAMES.mirror },
      { path: ['policies', 0, 'control'], name: FLAG_NAMES.control },
      { path: ['policies', 0, 'percent'], name: FLAG_NAMES.percent },
      { path: ['policies', 0, 'sampleBy'], name: FLAG_NAMES.sampleBy },
      { path: ['policies', 0, 'writes'], name: FLAG_NAMES.writes },
      { path: ['policies', 0, 'compare', 'ignore'], name: FLAG_NAMES.ignore },
      { path: ['policies', 0, 'compare', 'ignore'], name: FLAG_NAMES.ignore },
    ],
  };
}

/** A capture as a file would hold it, and which flags its parts come from. */
function capturesOf(flags: ConfigFlags): readonly {
  readonly section: Readonly<Record<string, unknown>>;
  readonly origins: readonly Origin[];
}[] {
  const { capture = [], captureFilter, namespace, serverPorts, keyLog, captureOutput } = flags;
  const sources = capture.map(writtenSource);
  const interfaces = sources.some(({ key }) => key === 'interface');
  return sources.map(({ key, value }, index) => {
    // Where none is an interface, it is for the schema to say that these need one.
    const takesFilter = key === 'interface' || !interfaces;
    const path = ['captures', index];
    return {
      section: {
        name: index === 0 ? QUICK_START_NAMES.capture : `${QUICK_START_NAMES.capture}-${index + 1}`,
        [key]: value,
        ...(captureFilter === undefined || !takesFilter ? {} : { filter: captureFilter }),
        ...(namespace === undefined || !takesFilter ? {} : { namespace }),
        ...(serverPorts === undefined ? {} : { serverPorts: serverPorts.split(',').map(numberOf) }),
        ...(keyLog === undefined ? {} : { keyLog }),
        ...(captureOutput === undefined || index > 0 ? {} : { output: captureOutput }),
      },
      origins: [
        { path, name: FLAG_NAMES.capture },
        { path: [...path, 'filter'], name: FLAG_NAMES.captureFilter },
        { path: [...path, 'namespace'], name: FLAG_NAMES.namespace },
        { path: [...path, 'serverPorts'], name: FLAG_NAMES.serverPorts },
        { path: [...path, 'keyLog'], name: FLAG_NAMES.keyLog },
        { path: [...path, 'output'], name: FLAG_NAMES.captureOutput },
      ],
    };
  });
}

function requireFlags(flags: ConfigFlags): void {
  const problems: Problem[] = [];
  const given = quickStartFlagsOf(flags);
  if (given.length === 0) {
    const hint =
      'understudy run --listen 127.0.0.1:8080 --primary http://127.0.0.1:3000 --mirror http://127.0.0.1:3001';
    throw new ConfigError('the command line', [
      problem(
        'the command line',
        'neither --config nor --listen and --primary nor --capture are given',
        hint,
      ),
    ]);
  }
  const captures = given.includes('capture');
  const listens = given.includes('listen') || given.includes('primary');
  if (!captures) {
    for (const flag of CAPTURE_FLAGS.filter((one) => given.includes(one)))
      problems.push(problem(FLAG_NAMES[flag], 'needs --capture', 'where packets come from: --capture eth0'));
  }
  if ((!captures || listens) && !given.includes('listen'))
    problems.push(problem('--listen', 'is missing', 'where clients connect: --listen 127.0.0.1:8080'));
  if ((!captures || listens) && !given.includes('primary')) {
    problems.push(
      problem('--primary', 'is missing', 'the service that answers users: --primary http://127.0.0.1:3000'),
    );
  }
  if (!given.includes('mirror')) {
    for (const flag of COPY_FLAGS.filter((one) => given.includes(one))) {
      problems.push(
        problem(FLAG_NAMES[flag], 'needs --mirror', 'where copies go: --mirror http://127.0.0.1:3001'),
      );
    }
  }
  if (problems.length > 0) throw new ConfigError('the command line', problems);
}

function mirrorOf(text: string, index: number): { readonly name: string; readonly url: string } {
  const equals = /^([^=:/]*)=/.exec(text);
  if (equals !== null) return { name: equals[1] ?? '', url: text.slice(equals[0].length) };
  const { mirror } = QUICK_START_NAMES;
  return { name: index === 0 ? mirror : `${mirror}-${index + 1}`, url: text };
}

/** Text that is no number is left as it is, for the schema to refuse. */
function numberOf(text: string): number | string {
  return /^\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text;
}

function problem(where: string, message: string, hint: string): Problem {
  return { severity: 'error', where, path: '', message, hint, excerpt: undefined };
}

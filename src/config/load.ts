import { UserError } from '../kit/errors.ts';
import type { Settings } from '../model/settings.ts';
import type { Origin } from './flag-source.ts';
import { overriddenSource } from './flag-source.ts';
import { problemsOf } from './issues.ts';
import { ConfigError } from './problem.ts';
import type { Problem } from './problem.ts';
import { settingsSchema } from './schema.ts';
import type { Source } from './source.ts';
import { diskSurroundings, folderOf, readBounded } from './surroundings.ts';
import type { Surroundings } from './surroundings.ts';
import { isSection } from './value.ts';
import { warningsOf } from './warnings.ts';
import { readYaml } from './yaml-source.ts';

/** Longest configuration file, bytes. */
export const MAX_CONFIG_BYTES = 2 ** 20;

/** Settings that can be used, and what about them is unwise. */
export interface LoadedConfig {
  readonly settings: Settings;
  readonly warnings: readonly Problem[];
}

/** A part of the configuration that a flag or variable sets, whatever the file says. */
export interface Override extends Origin {
  readonly value: unknown;
}

/**
 * Reads and validates a configuration file. Certificates, keys and tokens that it names are looked up from its folder.
 *
 * @throws ConfigError with everything that is wrong
 */
export function loadConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  overrides: readonly Override[] = [],
): LoadedConfig {
  return parseConfig(readConfig(file), file, diskSurroundings(folderOf(file), env), overrides);
}

/**
 * Validates the text of a configuration file.
 *
 * @param file its name, for messages
 * @throws ConfigError with everything that is wrong
 */
export function parseConfig(
  text: string,
  file: string,
  surroundings: Surroundings,
  overrides: readonly Override[] = [],
): LoadedConfig {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) throw new ConfigError(file, [tooLong(file)]);
  const read = readYaml(text, file);
  if ('problems' in read) throw new ConfigError(file, read.problems);
  return validate(withOverrides(read.source, overrides), surroundings);
}

/**
 * Validates what was configured, wherever it is written.
 *
 * @throws ConfigError with everything that is wrong
 */
export function validate(source: Source, surroundings: Surroundings): LoadedConfig {
  const parsed = settingsSchema(surroundings).safeParse(source.value);
  if (!parsed.success) throw new ConfigError(source.name, problemsOf(parsed.error.issues, source));
  return { settings: parsed.data, warnings: warningsOf(parsed.data, source) };
}

function withOverrides(source: Source, overrides: readonly Override[]): Source {
  const { value } = source;
  // What is no section at all is reported as such.
  if (overrides.length === 0 || !isSection(value)) return source;
  return overriddenSource(
    source,
    overrides.reduce((changed, { path, value: set }) => put(changed, path, set), value),
    overrides,
  );
}

/** A copy of a section with one of its parts replaced. */
export function put(
  section: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
  value: unknown,
): Readonly<Record<string, unknown>> {
  const [key, ...rest] = path;
  if (key === undefined) return section;
  const inner = section[String(key)];
  return {
    ...section,
    [String(key)]: rest.length === 0 ? value : put(isSection(inner) ? inner : {}, rest, value),
  };
}

function readConfig(file: string): string {
  try {
    return readBounded(file, MAX_CONFIG_BYTES);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message } = error;
    throw new ConfigError(file, [
      {
        severity: 'error',
        where: file,
        path: '',
        message,
        hint: 'give the file with --config',
        excerpt: undefined,
      },
    ]);
  }
}

function tooLong(file: string): Problem {
  const message = `the file has more than ${MAX_CONFIG_BYTES} bytes`;
  return {
    severity: 'error',
    where: file,
    path: '',
    message,
    hint: 'is it the right file?',
    excerpt: undefined,
  };
}

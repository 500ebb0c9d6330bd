import { deepEqual, equal } from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join, posix } from 'node:path';
import { test } from 'node:test';

/** Which rooms a room may import from, besides itself: the table of ARCHITECTURE.md. `*` is a composition root. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  kit: [],
  model: ['kit'],
  config: ['kit', 'model'],
  wire: ['kit'],
  live: ['kit', 'model'],
  observe: ['kit', 'model', 'wire'],
  mirror: ['kit', 'model', 'wire'],
  compare: ['kit', 'model'],
  insight: ['kit', 'model'],
  store: ['kit', 'model', 'wire'],
  capture: ['kit', 'model', 'wire'],
  providers: ['kit', 'model'],
  envoy: ['kit', 'model'],
  translate: ['kit', 'model'],
  report: ['kit', 'model'],
  admin: ['kit', 'model', 'store'],
  cli: ['kit', 'model', 'config', 'report', 'store'],
  workers: ['*'],
  // Files that stand in src itself: main.ts and what only the composition roots need.
  '': ['*'],
};

/** Rooms that compute and touch nothing: what they need comes in as arguments. */
const PURE_ROOMS = new Set(['wire', 'compare', 'report', 'insight', 'translate']);
const EFFECTS =
  /^node:(?:net|http|http2|https|tls|dgram|dns|fs|child_process|worker_threads|cluster)(?:\/|$)/;

const ROOT = join(import.meta.dirname, '..');
const LINES_LIMIT = 500;

interface Source {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

function sources(...globs: readonly string[]): readonly Source[] {
  const paths = globSync(globs, { cwd: ROOT }).map((path) => path.replaceAll('\\', '/'));
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

/** Everything a file names as a module: imports, re-exports, types, and files started as threads. */
function importsOf(text: string): readonly string[] {
  const patterns = [
    /^(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
    /\bnew URL\(\s*['"](\.[^'"]+\.ts)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? ''));
}

function roomOf(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? (parts[1] ?? '') : '';
}

/** Files in `src` that a file imports. */
function targetsOf(source: Source): readonly string[] {
  return importsOf(source.text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(source.path), specifier))
    .filter((path) => path.startsWith('src/'));
}

function mayImport(from: string, to: string): boolean {
  const allowed = ROOMS[from] ?? [];
  return from === to || allowed.includes('*') || allowed.includes(to);
}

/** Whether `from` stands on `to`, directly or through other rooms. */
function standsOn(from: string, to: string): boolean {
  const allowed = ROOMS[from] ?? [];
  return allowed.includes('*') || allowed.some((room) => room === to || standsOn(room, to));
}

/** The arrows that the table does not have. Tests may look sideways at other rooms, but not up. */
function wrongArrows(files: readonly Source[]): readonly string[] {
  return files.flatMap((source) => {
    const from = roomOf(source.path);
    const targets = targetsOf(source);
    const wrong = source.path.endsWith('.test.ts')
      ? targets.filter((target) => roomOf(target) !== from && standsOn(roomOf(target), from))
      : targets.filter((target) => !mayImport(from, roomOf(target)));
    return wrong.map((target) => `${source.path} → ${target}`);
  });
}

const SRC = sources('src/**/*.ts');
const ALL = [
  ...SRC,
  ...sources('test/**/*.ts', 'tools/**/*.ts', 'bench/**/*.ts').filter(
    ({ path }) => !path.includes('node_modules'),
  ),
];

test('every room is in the table', () => {
  deepEqual(
    SRC.map(({ path }) => roomOf(path)).filter((room) => !(room in ROOMS)),
    [],
  );
});

test('rooms import only what the table allows', () => deepEqual(wrongArrows(SRC), []));

test('nothing that is published imports from outside of src', () => {
  const outside = SRC.filter(({ path }) => !path.endsWith('.test.ts')).flatMap((source) =>
    importsOf(source.text)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => posix.join(posix.dirname(source.path), specifier))
      .filter((target) => !target.startsWith('src/'))
      .map((target) => `${source.path} → ${target}`),
  );
  deepEqual(outside, []);
});

test('pure rooms open no sockets and no files', () => {
  const found = SRC.filter(({ path }) => PURE_ROOMS.has(roomOf(path)) && !path.endsWith('.test.ts')).flatMap(
    ({ path, text }) =>
      importsOf(text)
        .filter((specifier) => EFFECTS.test(specifier))
        .map((specifier) => `${path} → ${specifier}`),
  );
  deepEqual(found, []);
});

test(`no file is longer than ${LINES_LIMIT} lines`, () => {
  const long = ALL.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  deepEqual(
    long.filter(({ path, lines }) => lines > LINES_LIMIT && !path.endsWith('.test.ts')),
    [],
  );
});

test('files are kebab-case and named after what they hold', () => {
  const bad = ALL.map(({ path }) => basename(path)).filter(
    (name) =>
      !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/.test(name) ||
      /^(?:utils?|helpers?|common|managers?|types|misc)(?:\.test)?\.ts$/.test(name),
  );
  deepEqual(bad, []);
});

const escapes: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['any', /(?::|\bas|<|\||,(?=\s*any>))\s*any\b(?!\s+[a-z])(?=\s*[;,)>[\]=|&\n{])/],
  ['a switched-off type check', /@ts-(?:ignore|expect-error|nocheck)/],
  ['a default export', /^export default\b/m],
];
for (const [name, pattern] of escapes) {
  test(`no file has ${name}`, () => {
    const found = ALL.filter(({ path }) => path !== 'test/architecture.test.ts').filter(({ text }) =>
      pattern.test(text),
    );
    deepEqual(
      found.map(({ path }) => path),
      [],
    );
  });
}

// The checks themselves are checked: a rule that finds nothing because it cannot is worse than none.
const arrowCases: readonly (readonly [path: string, text: string, wrong: number])[] = [
  ['src/wire/x.ts', "import { a } from '../kit/a.ts';", 0],
  ['src/wire/x.ts', "import { a } from '../model/a.ts';", 1],
  ['src/wire/x.ts', "import type { A } from '../model/a.ts';", 1],
  ['src/wire/x.ts', "import {\n  a,\n  b,\n} from '../live/a.ts';", 1],
  ['src/wire/x.ts', "export { a } from '../live/a.ts';", 1],
  ['src/wire/x.ts', "const a = await import('../live/a.ts');", 1],
  ['src/live/x.ts', "new Worker(new URL('../workers/a.ts', import.meta.url));", 1],
  ['src/providers/dns/client.ts', "import { a } from '../../model/a.ts';", 0],
  ['src/providers/dns/client.ts', "import { a } from '../../config/a.ts';", 1],
  ['src/cli/x.ts', "import { a } from '../admin/a.ts';", 1],
  ['src/kit/x.ts', "import { a } from '../main.ts';", 1],
  ['src/workers/x.ts', "import { a } from '../observe/a.ts';", 0],
  ['src/wire/x.test.ts', "import { a } from '../observe/a.ts';", 1],
  ['src/wire/x.test.ts', "import { a } from '../workers/a.ts';", 1],
  ['src/observe/x.test.ts', "import { a } from '../mirror/a.ts';", 0],
];
for (const [path, text, wrong] of arrowCases) {
  test(`the check counts ${wrong} wrong arrows in ${path}: ${JSON.stringify(text)}`, () => {
    equal(wrongArrows([{ path, text }]).length, wrong);
  });
}

const anyCases: readonly (readonly [text: string, found: boolean])[] = [
  ['const x: any = 1;', true],
  ['function f(x: any): void {}', true],
  ['x as any;', true],
  ['Map<string, any>', true],
  ['x: any[]', true],
  ['// matches: any of these', false],
  ['type: anyOf', false],
];
for (const [text, found] of anyCases) {
  test(`the check ${found ? 'finds' : 'does not find'} any in ${text}`, () => {
    equal(escapes[0]?.[1].test(text), found);
  });
}

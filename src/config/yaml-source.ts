import { isAlias, isMap, isScalar, isSeq, visit } from 'yaml';
import type { Alias, Document, LineCounter, Node, Pair, YAMLMap } from 'yaml';
import { pathText } from './problem.ts';
import type { Excerpt, Problem } from './problem.ts';
import { isSecret, mayHoldSecret, withoutPassword } from './secrets.ts';
import type { Place, ReadSource } from './source.ts';
import { MAX_DEPTH, parseYamlDocument } from './yaml-document.ts';

/** Values after aliases are put in, so that a few lines of aliases of aliases cannot grow without end. */
const MAX_VALUES = 50_000;
/** Problems that are collected before reading stops. */
const MAX_PROBLEMS = 200;

type Range = readonly [start: number, end: number];

/**
 * Reads YAML 1.2 (https://yaml.org/spec/1.2.2, core schema) into plain values that know where they are written. Refuses
 * what a configuration has no use for and what could make reading it endless: tags, keys that are no text, duplicate keys,
 * several documents, deep nesting, aliases that grow without bound.
 *
 * @param name the file's, for messages; those do not show secrets
 */
export function readYaml(text: string, name: string): ReadSource {
  const { document, mistakes, lines } = parseYamlDocument(text);
  const reader = new YamlReader(text, name, lines, document);
  if (document === undefined) {
    return {
      problems: mistakes.map(({ message, start, end }) => reader.syntaxProblem([start, end], message)),
    };
  }
  const value = reader.read();
  if (reader.problems.length > 0) return { problems: reader.problems };
  return { source: { name, value, locate: (path, part) => reader.locate(path, part) } };
}

class YamlReader {
  readonly problems: Problem[] = [];
  readonly #text: string;
  readonly #name: string;
  readonly #lines: LineCounter;
  /** Where secrets are written; messages show stars instead. */
  readonly #secrets: Range[] = [];
  readonly #root: unknown;
  /** What each alias stands for. The parser's own look-up walks the document for every alias. */
  readonly #targets: ReadonlyMap<Alias, Node>;
  #values = 0;

  constructor(text: string, name: string, lines: LineCounter, document: Document | undefined) {
    this.#root = document?.contents;
    this.#targets = document === undefined ? new Map() : targetsOf(document);
    this.#text = text;
    this.#name = name;
    this.#lines = lines;
  }

  read(): unknown {
    return this.#convert(this.#root, []);
  }

  locate(path: readonly PropertyKey[], part: 'key' | 'value'): Place {
    let node = this.#root;
    let range = rangeOf(node) ?? [0, 0];
    for (const [index, key] of path.entries()) {
      const container = isAlias(node) ? this.#targets.get(node) : node;
      const pair = isMap(container) ? pairOf(container, key) : undefined;
      const next = isSeq(container) && typeof key === 'number' ? container.items[key] : pair?.value;
      if (pair === undefined && next === undefined) break;
      const last = index === path.length - 1;
      const valueRange = rangeOf(next);
      const empty = valueRange === undefined || valueRange[1] <= valueRange[0];
      // A section is shown by its key, a scalar or alias by itself.
      const byKey = pair !== undefined && (part === 'key' ? last : empty || isMap(next) || isSeq(next));
      range = (byKey ? rangeOf(pair.key) : valueRange) ?? range;
      node = next;
    }
    return this.#place(range);
  }

  /** A line that is no YAML is shown only when there is nothing in it that could be a secret. */
  syntaxProblem(range: Range, message: string): Problem {
    const problem = this.#problem([], range, message);
    const { excerpt } = problem;
    return excerpt !== undefined && mayHoldSecret(excerpt.text)
      ? { ...problem, excerpt: undefined }
      : problem;
  }

  #problem(path: readonly PropertyKey[], range: Range, message: string, hint?: string): Problem {
    return { severity: 'error', path: pathText(path), message, hint, ...this.#place(range) };
  }

  #place([start, end]: Range): Place {
    const { line, col } = this.#lines.linePos(start);
    const where = `${this.#name}:${Math.max(1, line)}:${Math.max(1, col)}`;
    return { where, excerpt: this.#excerpt(start, end) };
  }

  #excerpt(start: number, end: number): Excerpt | undefined {
    const { line, col } = this.#lines.linePos(start);
    if (line < 1) return undefined;
    const from = start - (col - 1);
    const lineEnd = this.#text.indexOf('\n', start);
    const text = this.#masked(from, lineEnd < 0 ? this.#text.length : lineEnd).trimEnd();
    if (text === '') return undefined;
    return { line, text, start: col - 1, length: Math.max(1, Math.min(end, from + text.length) - start) };
  }

  #masked(start: number, end: number): string {
    let text = this.#text.slice(start, end);
    for (const [secretStart, secretEnd] of this.#secrets) {
      const from = Math.max(secretStart, start) - start;
      const to = Math.min(secretEnd, end) - start;
      if (from < to) text = text.slice(0, from) + '*'.repeat(to - from) + text.slice(to);
    }
    return withoutPassword(text);
  }

  #refuse(path: readonly PropertyKey[], node: unknown, message: string, hint?: string): undefined {
    if (this.problems.length < MAX_PROBLEMS) {
      this.problems.push(this.#problem(path, rangeOf(node) ?? [0, 0], message, hint));
    }
  }

  #convert(node: unknown, path: readonly PropertyKey[]): unknown {
    if (this.problems.length >= MAX_PROBLEMS) return undefined;
    if (++this.#values > MAX_VALUES) {
      if (this.#values > MAX_VALUES + 1) return undefined;
      return this.#refuse(path, node, `more than ${MAX_VALUES} values, counting those of aliases`);
    }
    if (path.length > MAX_DEPTH)
      return this.#refuse(path.slice(0, 3), node, 'lists and sections are nested too deep');
    if (isAlias(node)) {
      const target = this.#targets.get(node);
      if (target === undefined)
        return this.#refuse(path, node, `no anchor &${node.source} before this alias`);
      return this.#convert(target, path);
    }
    if (hasTag(node))
      return this.#refuse(path, node, `tags such as ${node.tag} are not used here`, 'remove it');
    if (isMap(node)) return this.#convertMap(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#convert(item, [...path, index]));
    if (isScalar(node)) {
      const range = isSecret(path) ? rangeOf(node) : undefined;
      if (range !== undefined) this.#secrets.push(range);
      return node.value;
    }
    return null;
  }

  #convertMap(map: YAMLMap, path: readonly PropertyKey[]): unknown {
    const entries = new Map<string, unknown>();
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value ?? '') : '';
      const below = [...path, key];
      if (entries.has(key)) {
        this.#refuse(below, pair.key, `the key "${key}" is here a second time`, 'keep one of them');
        continue;
      }
      if (key === '<<') {
        this.#refuse(
          below,
          pair.key,
          'merge keys are not part of YAML 1.2',
          'write the keys out, or use an alias as the value of one',
        );
        continue;
      }
      entries.set(key, this.#convert(pair.value, below));
    }
    return Object.fromEntries(entries);
  }
}

/** An alias stands for the last node before it that has its anchor. */
function targetsOf(document: Document): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias(_key, alias) {
      const target = anchors.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
    Value(_key, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function pairOf(map: YAMLMap, key: PropertyKey): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value ?? '') === key);
}

function rangeOf(node: unknown): Range | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range === null || range === undefined ? undefined : [range[0], range[1]];
}

/** Whether a node was given a tag in the file; the parser itself sets those that it derives only on collections of its own. */
function hasTag(node: unknown): node is { readonly tag: string } {
  const tag = (node as { readonly tag?: unknown } | null)?.tag;
  return typeof tag === 'string';
}

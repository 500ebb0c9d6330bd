import { createContent } from '../content.ts';
import { faultsOf, readText } from '../format-faults.ts';
import { elementPath, fieldPath } from '../path.ts';
import { inOwnCharset } from './markup-charset.ts';
import { TEXT, readMarkup } from './markup-tree.ts';
import { align } from './sequence.ts';
import type { CompareFormat, Content, FormatContext } from '../format.ts';
import type { MarkupNode } from './markup-tree.ts';

type Nodes = readonly MarkupNode[];
type Pair = readonly [primary: MarkupNode, other: MarkupNode, path: string];

/** Characters shown of an element that is gone or new. */
const SHOWN_CHARS = 400;

/**
 * Compares HTML, and XML with all that is written in it, by structure and text: elements by their names and order among
 * their like, attributes in any order, texts with white space folded where HTML does so. Paths are those of elements, with
 * `[]` where a parent has several of a name, `@name` for attributes and `#text`: `body.html.body.table.tr[].td.#text`.
 */
export const compareMarkup: CompareFormat = (primary, other, path, context) => {
  const xml = !isHtml(primary) && !isHtml(other);
  const lefts = readText(inOwnCharset(primary), (text) => readMarkup(text, xml, context.limits));
  const rights = readText(inOwnCharset(other), (text) => readMarkup(text, xml, context.limits));
  if (lefts.fault !== undefined || rights.fault !== undefined) return faultsOf(lefts, rights);
  new MarkupComparison(context, xml).compare(lefts.read, rights.read, path);
  return undefined;
};

function isHtml(content: Content): boolean {
  return content.mediaType === 'text/html';
}

class MarkupComparison {
  readonly #context: FormatContext;
  readonly #xml: boolean;
  /** Elements still to be compared, the next one last. */
  readonly #open: Pair[] = [];

  constructor(context: FormatContext, xml: boolean) {
    this.#context = context;
    this.#xml = xml;
  }

  compare(primary: MarkupNode, other: MarkupNode, path: string): void {
    this.#open.push([primary, other, path]);
    for (let pair = this.#open.pop(); pair !== undefined; pair = this.#open.pop()) {
      if (this.#context.sink.full) return;
      const [left, right, at] = pair;
      if (left.source === right.source || this.#context.ignored(at)) continue;
      this.#attributes(left, right, at);
      this.#children(left, right, at);
    }
  }

  #attributes(primary: MarkupNode, other: MarkupNode, path: string): void {
    const { sink } = this.#context;
    const left = primary.attributes;
    const right = other.attributes;
    for (const [name, value] of left) {
      const counterpart = right.get(name);
      const at = fieldPath(path, `@${name}`);
      if (counterpart === undefined) sink.add('missing', at, this.#xml ? 'high' : 'medium', value, undefined);
      else if (value !== counterpart && !this.#sameAttribute(name, value, counterpart))
        sink.add('value', at, 'medium', value, counterpart);
    }
    for (const [name, value] of right)
      if (!left.has(name)) sink.add('added', fieldPath(path, `@${name}`), 'low', undefined, value);
  }

  #sameAttribute(name: string, primary: string, other: string): boolean {
    if (!this.#xml) {
      // A nonce is drawn for each answer, by definition.
      if (name === 'nonce') return true;
      if (name === 'class' && tokens(primary) === tokens(other)) return true;
    }
    return this.#context.alike(primary, other);
  }

  #children(primary: MarkupNode, other: MarkupNode, path: string): void {
    const left = Map.groupBy(primary.children, ({ name }) => name);
    const right = Map.groupBy(other.children, ({ name }) => name);
    const below: Pair[] = [];
    for (const [name, nodes] of left) {
      const others = right.get(name) ?? [];
      if (name.startsWith('#')) this.#texts(primary, nodes, others, fieldPath(path, name));
      else this.#elements(nodes, others, fieldPath(path, name), below);
    }
    for (const [name, nodes] of right) {
      if (left.has(name)) continue;
      if (name.startsWith('#')) this.#texts(primary, [], nodes, fieldPath(path, name));
      else this.#elements([], nodes, fieldPath(path, name), below);
    }
    this.#order(primary.children, other.children, left, right, path);
    for (const pair of below.toReversed()) this.#open.push(pair);
  }

  #texts(parent: MarkupNode, primary: Nodes, other: Nodes, path: string): void {
    const context = this.#context;
    const { pairs, gone, come, reordered } = align(primary, other, printOf, 'order');
    if (reordered) context.sink.add('order', path, 'medium', primary[0]?.text, other[0]?.text);
    for (const [{ text, verbatim }, { text: counterpart }] of pairs) {
      if (text === counterpart || context.alike(text, counterpart)) continue;
      const type = verbatim ? verbatimType(parent) : undefined;
      if (type === undefined) context.sink.add('value', path, 'medium', text, counterpart);
      else context.nested(textContent(text, type), textContent(counterpart, type), path);
    }
    for (const { text } of gone)
      context.sink.add('missing', path, this.#xml ? 'high' : 'medium', text, undefined);
    for (const { text } of come) context.sink.add('added', path, 'low', undefined, text);
  }

  #elements(primary: Nodes, other: Nodes, path: string, below: Pair[]): void {
    const { sink } = this.#context;
    const each = primary.length > 1 || other.length > 1 ? elementPath(path) : path;
    const [one] = primary;
    const [two] = other;
    if (two === undefined) sink.add('missing', each, 'high', one && shown(one), undefined);
    else if (one === undefined) sink.add('added', each, 'low', undefined, shown(two));
    else if (primary.length === 1 && other.length === 1) below.push([one, two, each]);
    else {
      if (primary.length !== other.length)
        sink.add('length', path, 'medium', count(primary.length), count(other.length));
      for (const [left, right] of this.#aligned(primary, other, path)) below.push([left, right, each]);
    }
  }

  #aligned(primary: Nodes, other: Nodes, path: string): readonly (readonly [MarkupNode, MarkupNode])[] {
    const key = this.#context.keyOf(path)?.replace(/^@/, '');
    if (key !== undefined)
      return align(primary, other, ({ attributes }) => attributes.get(key) ?? '', 'key').pairs;
    const by = this.#context.unordered(path) ? 'set' : 'order';
    const { pairs, reordered } = align(primary, other, printOf, by);
    const [one] = primary;
    const [two] = other;
    if (reordered && one !== undefined && two !== undefined)
      this.#context.sink.add('order', path, 'medium', shown(one), shown(two));
    return pairs;
  }

  /** The same elements of several names, in another order. */
  #order(
    primary: Nodes,
    other: Nodes,
    left: ReadonlyMap<string, Nodes>,
    right: ReadonlyMap<string, Nodes>,
    path: string,
  ): void {
    if (left.size < 2 || left.size !== right.size || primary.length !== other.length) return;
    for (const [name, nodes] of left) if (right.get(name)?.length !== nodes.length) return;
    if (primary.every(({ name }, index) => name === other[index]?.name)) return;
    if (this.#context.unordered(path)) return;
    this.#context.sink.add('order', path, 'medium', names(primary), names(other));
  }
}

function printOf(node: MarkupNode): number {
  return node.print;
}

/** Media type of what stands in a script, and other text whose lines count. */
function verbatimType(parent: MarkupNode): string {
  const type = parent.attributes.get('type') ?? '';
  return parent.name === 'script' && /(?:^application\/|\+)json$/i.test(type)
    ? 'application/json'
    : 'text/plain';
}

function textContent(text: string, mediaType: string): Content {
  return createContent(Buffer.from(text), mediaType);
}

function tokens(text: string): string {
  return [...new Set(text.split(/\s+/))].toSorted().join(' ').trim();
}

function count(elements: number): string {
  return elements === 1 ? '1 element' : `${elements} elements`;
}

function names(nodes: Nodes): string {
  return nodes
    .slice(0, SHOWN_CHARS / 4)
    .map(({ name }) => (name === TEXT ? name : `<${name}>`))
    .join(' ');
}

function shown(node: MarkupNode): string {
  return node.source.slice(0, SHOWN_CHARS);
}

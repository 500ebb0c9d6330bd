import { Parser } from 'htmlparser2';
import { stableHash } from '../../kit/hash.ts';
import { recognise } from '../volatile/alike.ts';
import type { BodyFault } from '../../model/difference.ts';
import type { ReadOrFault } from '../format-faults.ts';

/** An element, a text (`#text`), or a document type (`#doctype`). */
export interface MarkupNode {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly MarkupNode[];
  /** Of texts and document types. */
  readonly text: string;
  /** Whether white space in its text was kept. */
  readonly verbatim: boolean;
  /** What it was read from; what the source of both sides is equal for is equal. Empty for texts. */
  readonly source: string;
  /** Equal nodes have equal ones, also when they differ in volatile texts; others rarely do. */
  readonly print: number;
}

export const TEXT = '#text';

export interface MarkupLimits {
  readonly depth: number;
  /** Elements, attributes and texts. */
  readonly values: number;
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();
/** Elements of HTML whose white space is seen, or means something to what reads it. */
const VERBATIM: ReadonlySet<string> = new Set(['pre', 'textarea', 'script', 'style', 'listing', 'xmp']);

/**
 * Reads HTML, or XML, as a tree. White space that HTML folds is folded; in XML only text of nothing else is left out.
 * Comments and processing instructions are left out. XML with elements that are not closed, or with none, is malformed.
 */
export function readMarkup(text: string, xml: boolean, limits: MarkupLimits): ReadOrFault<MarkupNode> {
  const builder = new TreeBuilder(text, xml, limits);
  try {
    return builder.read();
  } catch (error) {
    if (error instanceof Stop) return { fault: error.fault };
    throw error;
  }
}

/** Ends parsing early; the parser has no other way. */
class Stop extends Error {
  override readonly name = 'Stop';
  readonly fault: BodyFault;

  constructor(fault: BodyFault) {
    super(fault);
    this.fault = fault;
  }
}

interface OpenElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: MarkupNode[];
  readonly start: number;
  text: string;
}

class TreeBuilder {
  readonly #source: string;
  readonly #xml: boolean;
  readonly #limits: MarkupLimits;
  readonly #parser: Parser;
  readonly #root: OpenElement = { name: '', attributes: NO_ATTRIBUTES, children: [], start: 0, text: '' };
  readonly #open: OpenElement[] = [this.#root];
  #values = 0;
  #verbatim = 0;

  constructor(source: string, xml: boolean, limits: MarkupLimits) {
    this.#source = source;
    this.#xml = xml;
    this.#limits = limits;
    this.#parser = new Parser(
      {
        onopentag: (name, attributes) => this.#start(name, attributes),
        onclosetag: (name, implied) => this.#end(name, implied),
        ontext: (data) => {
          this.#top().text += data;
        },
        onprocessinginstruction: (name, data) => this.#instruction(name, data),
      },
      { xmlMode: xml },
    );
  }

  read(): ReadOrFault<MarkupNode> {
    this.#parser.end(this.#source);
    this.#flush();
    if (this.#xml && this.#root.children.every(({ name }) => name === TEXT)) return { fault: 'malformed' };
    return { read: this.#element(this.#root, this.#source.length) };
  }

  #top(): OpenElement {
    return this.#open.at(-1) ?? this.#root;
  }

  #count(values: number): void {
    this.#values += values;
    if (this.#values > this.#limits.values) throw new Stop('too_many_values');
  }

  #start(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#flush();
    const entries = Object.entries(attributes);
    this.#count(1 + entries.length);
    if (this.#open.length > this.#limits.depth) throw new Stop('too_deep');
    if (VERBATIM.has(name)) this.#verbatim++;
    this.#open.push({
      name,
      // By a map, since names such as "constructor" stand in every plain object.
      attributes: entries.length === 0 ? NO_ATTRIBUTES : new Map(entries),
      children: [],
      start: this.#parser.startIndex,
      text: '',
    });
  }

  #end(name: string, implied: boolean): void {
    if (this.#open.length === 1) return;
    if (this.#xml && implied && !this.#isSelfClosed()) throw new Stop('malformed');
    this.#flush();
    if (VERBATIM.has(name)) this.#verbatim--;
    const element = this.#open.pop();
    if (element !== undefined) this.#top().children.push(this.#element(element, this.#parser.endIndex + 1));
  }

  /** The parser also calls the end of `<a/>` implied. */
  #isSelfClosed(): boolean {
    const { endIndex } = this.#parser;
    return this.#source[endIndex] === '>' && this.#source[endIndex - 1] === '/';
  }

  #instruction(name: string, data: string): void {
    if (this.#xml || name !== '!doctype' || this.#open.length > 1) return;
    this.#flush();
    this.#count(1);
    const text = data.toLowerCase().replace(/\s+/g, ' ').trim();
    this.#root.children.push(textNode('#doctype', text, false));
  }

  /** Adds the text read so far; what stood around a comment is one text. */
  #flush(): void {
    const element = this.#top();
    if (element.text === '') return;
    const verbatim = this.#verbatim > 0;
    const text = this.#normalised(element.text, verbatim);
    element.text = '';
    if (text === '') return;
    this.#count(1);
    element.children.push(textNode(TEXT, text, verbatim));
  }

  #normalised(text: string, verbatim: boolean): string {
    if (!this.#xml && !verbatim) return text.replace(/[ \t\n\f\r]+/g, ' ').replace(/^ | $/g, '');
    // XML 1.0 §2.11, HTML §13.2.3.5: line ends are read as LF.
    return /[^ \t\n\r]/.test(text) ? text.replace(/\r\n?/g, '\n') : '';
  }

  #element(element: OpenElement, end: number): MarkupNode {
    const { name, attributes, children, start } = element;
    let print = stableHash(name);
    // A sum, since the order of attributes says nothing.
    for (const [key, value] of attributes) print = (print + stableHash(`${key}=${value}`)) | 0;
    for (const child of children) print = Math.imul(print ^ child.print, 0x01000193);
    const source = this.#source.slice(start, end);
    return { name, attributes, children, text: '', verbatim: false, source, print };
  }
}

function textNode(name: string, text: string, verbatim: boolean): MarkupNode {
  const print = stableHash(recognise(text) ?? text);
  return { name, attributes: NO_ATTRIBUTES, children: [], text, verbatim, source: '', print };
}

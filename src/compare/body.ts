import type { CompareLimits, CompareSettings } from '../model/compare-settings.ts';
import type { Answer, BodyFault } from '../model/difference.ts';
import { equalBodies } from './bytes.ts';
import { createContent, joined } from './content.ts';
import { decodeBody } from '../model/content-coding.ts';
import { createFormats } from './formats.ts';
import type { CompareFormat, Content, Faults, FormatContext } from './format.ts';
import { compareOctets } from './formats/octets.ts';
import { compareRpc } from './grpc/comparison.ts';
import type { Rpc } from '../model/rpc.ts';
import type { HeaderRules } from './headers.ts';
import type { Ignoring } from './ignoring.ts';
import { compareMessages } from './messages.ts';
import { PathRules } from './path-pattern.ts';
import type { JsonNames } from './mask.ts';
import { ProtobufBodies } from './protobuf/bodies.ts';
import type { PairDifferences } from './sink.ts';
import { sharedStructures } from './structure.ts';
import type { Structure } from './structure.ts';
import { alike } from './volatile/alike.ts';

/** Bodies within bodies: parts of parts. */
const NESTING_MAX = 4;
const BODY = 'body';
const SHOWN_BYTES = 2048;
const NOTHING_ALIKE = () => false;

/** Compares the bodies of answers, by what they are. It is what the formats work with. */
export class BodyComparison implements FormatContext {
  readonly limits: CompareLimits;
  readonly alike: (primary: string, other: string) => boolean;
  readonly #unordered: PathRules<true>;
  readonly #keys: PathRules<string>;
  readonly #tolerance: PathRules<{ readonly absolute: number; readonly relative: number }>;
  readonly #protobuf: ProtobufBodies;
  readonly #formats: Readonly<Record<Structure, CompareFormat>>;
  #sink: PairDifferences | undefined;
  #ignoring: Ignoring | undefined;
  #nesting = 0;

  constructor(settings: CompareSettings, recognise: boolean) {
    this.limits = settings.limits;
    this.alike = recognise ? alike : NOTHING_ALIKE;
    this.#unordered = new PathRules(settings.unordered.map((path) => [path, true]));
    this.#keys = new PathRules(settings.keys.map(({ path, key }) => [path, key]));
    this.#tolerance = new PathRules(settings.tolerance.map((rule) => [rule.path, rule]));
    this.#protobuf = new ProtobufBodies(settings.protobuf);
    this.#formats = createFormats(this.#protobuf.compare);
  }

  /** Names in JSON of the fields of known messages; undefined where none are known. */
  get jsonNames(): JsonNames | undefined {
    return this.#protobuf.jsonNames;
  }

  /** Starts with another pair. */
  begin(sink: PairDifferences, ignoring: Ignoring, route: string): void {
    this.#protobuf.route = route;
    this.#sink = sink;
    this.#ignoring = ignoring;
    this.#nesting = 0;
  }

  get sink(): PairDifferences {
    if (this.#sink === undefined) throw new Error('no pair is compared');
    return this.#sink;
  }

  ignored(path: string): boolean {
    return this.#ignoring?.allBelow(path) ?? false;
  }

  unordered(path: string): boolean {
    return this.#unordered.find(path) ?? false;
  }

  keyOf(path: string): string | undefined {
    return this.#keys.find(path);
  }

  tolerance(path: string): { readonly absolute: number; readonly relative: number } | undefined {
    return this.#tolerance.find(path);
  }

  /** Compares the bodies of two answers. */
  compare(primary: Answer, other: Answer): void {
    const codings = primary.header('content-encoding') ?? '';
    const otherCodings = other.header('content-encoding') ?? '';
    if (primary.status === 101 && other.status === 101) {
      compareMessages(primary, other, BODY, this);
      return;
    }
    if (this.ignored(BODY)) return;
    if (codings === otherCodings && equalBodies(primary.body, other.body)) return;
    const left = decodeBody(joined(primary.body), codings, this.limits.decodedBytes);
    const right = decodeBody(joined(other.body), otherCodings, this.limits.decodedBytes);
    const { truncated } = primary;
    const content = createContent(left.bytes, primary.header('content-type') ?? '', truncated);
    const otherContent = createContent(right.bytes, other.header('content-type') ?? '', other.truncated);
    if (content.truncated || otherContent.truncated)
      this.#beginnings(content, left.fault, otherContent, right.fault);
    else if (left.fault === undefined && right.fault === undefined)
      this.#contents(content, otherContent, BODY);
    else this.#broken({ primary: left.fault, other: right.fault }, content, otherContent, BODY);
  }

  /** Compares the answers to a call: status, metadata and messages. See `compareRpc` for what it returns. */
  compareCalls(primary: Answer, other: Answer, rpc: Rpc, rules: HeaderRules): boolean {
    return compareRpc(primary, other, rpc, this, rules, this.#protobuf.options, this.#protobuf.method);
  }

  nested(primary: Content, other: Content, path: string): void {
    if (this.#nesting === NESTING_MAX) {
      compareOctets(primary, other, path, this);
      return;
    }
    const { sink } = this;
    const { root } = sink;
    this.#nesting++;
    sink.root = path;
    this.#contents(primary, other, path);
    sink.root = root;
    this.#nesting--;
  }

  /** What two sequences of records of which at least one was cut have in common. Of anything else nothing can be said. */
  #beginnings(
    primary: Content,
    fault: BodyFault | undefined,
    other: Content,
    otherFault: BodyFault | undefined,
  ): void {
    const [structure] = sharedStructures(primary, other);
    if (structure !== 'event-stream' && structure !== 'ndjson') return;
    // A cut body ends within its coding, too.
    const faults: Faults = {
      primary: primary.truncated && fault === 'truncated_coding' ? undefined : fault,
      other: other.truncated && otherFault === 'truncated_coding' ? undefined : otherFault,
    };
    const found =
      faults.primary === undefined && faults.other === undefined
        ? this.#formats[structure](primary, other, BODY, this)
        : faults;
    if (found !== undefined && found.primary !== found.other) this.#broken(found, primary, other, BODY);
  }

  #contents(primary: Content, other: Content, path: string): void {
    if (primary.bytes.equals(other.bytes)) return;
    if (primary.bytes.length === 0 || other.bytes.length === 0) {
      if (primary.bytes.length > 0) this.sink.add('missing', path, 'high', shown(primary), undefined);
      else this.sink.add('added', path, 'low', undefined, shown(other));
      return;
    }
    const structures = sharedStructures(primary, other);
    let faults: Faults | undefined;
    for (const structure of structures) {
      faults = this.#formats[structure](primary, other, path, this);
      if (faults === undefined) return;
    }
    if (faults !== undefined) this.#broken(faults, primary, other, path);
  }

  /** Two sides that are broken alike are compared as bytes; otherwise being broken is the difference. */
  #broken(faults: Faults, primary: Content, other: Content, path: string): void {
    if (isOrTooMany(faults.primary) && isOrTooMany(faults.other)) {
      // Nothing is wrong with what is past our own limit.
      const unread = this.#formats.text(primary, other, path, this);
      if (unread !== undefined) compareOctets(primary, other, path, this);
    } else if (faults.primary === faults.other) {
      compareOctets(primary, other, path, this);
    } else {
      this.sink.addNote('type', path, 'high', noteOf(faults.primary), noteOf(faults.other));
    }
  }
}

function isOrTooMany(fault: BodyFault | undefined): boolean {
  return fault === undefined || fault === 'too_many_values';
}

function noteOf(fault: BodyFault | undefined): string {
  return fault === undefined ? 'readable' : `not readable: ${fault}`;
}

function shown(content: Content): string {
  const { bytes } = content;
  const text = bytes.length > SHOWN_BYTES ? bytes.toString('utf8', 0, SHOWN_BYTES) : content.text();
  return text ?? `${bytes.length} bytes`;
}

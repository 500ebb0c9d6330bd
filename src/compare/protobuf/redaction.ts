import { Buffer } from 'node:buffer';
import { lateModule } from '../../kit/late-module.ts';
import type { CompareSettings } from '../../model/compare-settings.ts';
import { childrenOf, compileJsonFields } from '../../model/json-fields.ts';
import type { FieldNode } from '../../model/json-fields.ts';
import type { MessageRedaction, RedactMessage } from '../../model/message-redaction.ts';
import type * as MessageTypes from './message-types.ts';
import type { ProtobufTypes } from './message-types.ts';
import type { FieldPlan, MessagePlan, PlanOfType, ValuePlan } from './plan.ts';
import { readScalar, wireOf } from './scalar.ts';
import { packedOf } from './well-known.ts';
import { END_GROUP, FIXED32, FIXED64, GROUP, LENGTH_DELIMITED, VARINT, readMessage } from './wire-message.ts';
import type { ReadBudget, WireField } from './wire-message.ts';

const messageTypes = lateModule<typeof MessageTypes>(import.meta.url, './message-types');

const TEXT = Buffer.from('redacted');
const STRING_VALUE = 3;
/**
 * Fields that have no name in JSON: what is in them stands where the message does (google/protobuf/struct.proto). So paths
 * are the same for a message and its JSON.
 */
const NAMELESS: ReadonlyMap<string, readonly number[]> = new Map([
  ['google.protobuf.Struct', [1]],
  ['google.protobuf.ListValue', [1]],
  ['google.protobuf.Value', [5, 6]],
]);

/** @returns undefined where no descriptors are known */
export function createMessageRedaction(
  { protobuf: { descriptors }, limits }: CompareSettings,
  fields: readonly string[],
): MessageRedaction | undefined {
  if (descriptors === undefined || fields.length === 0) return undefined;
  const nodes = [compileJsonFields(fields)];
  let types: ProtobufTypes | undefined;
  let read = false;
  /** A large set takes a moment to read, and many policies never meet a message. */
  const known = (): ProtobufTypes | undefined => {
    if (read) return types;
    read = true;
    try {
      types = new (messageTypes().ProtobufTypes)(Buffer.from(descriptors, 'base64'));
    } catch {
      // What cannot be read names no field: nothing of it is let through.
    }
    return types;
  };
  const redactionBy =
    (plan: MessagePlan): RedactMessage =>
    (message) => {
      const budget = { values: limits.values, bytes: limits.decodedBytes };
      return new Redacting((name) => known()?.message(name), budget, limits.depth).message(
        message,
        plan,
        nodes,
        0,
      );
    };
  return {
    of(path, side, typeName) {
      const byName = typeName === undefined ? undefined : known()?.message(typeName);
      const method = known()?.methods.get(path);
      const plan = byName ?? (side === 'request' ? method?.input : method?.output);
      return plan === undefined ? undefined : redactionBy(plan);
    },
  };
}

/** Takes named fields out of one message. */
class Redacting {
  readonly #typeOf: PlanOfType;
  readonly #budget: ReadBudget;
  readonly #depth: number;

  constructor(typeOf: PlanOfType, budget: ReadBudget, depth: number) {
    this.#typeOf = typeOf;
    this.#budget = budget;
    this.#depth = depth;
  }

  /**
   * @param nodes where the message stands in the tree of fields; never none
   * @returns the same bytes when nothing was to be taken out; undefined when they cannot be read
   */
  message(bytes: Buffer, plan: MessagePlan, nodes: readonly FieldNode[], depth: number): Buffer | undefined {
    if (depth > this.#depth) return undefined;
    const read = readMessage(bytes, this.#budget, this.#depth - depth + 1);
    if (typeof read === 'string') return undefined;
    if (plan.form === 'any') return this.#packed(bytes, nodes, depth);
    const nameless = NAMELESS.get(plan.typeName) ?? [];
    const out: Buffer[] = [];
    let same = true;
    /** Elements of lists so far, and fields whose replacement is there. */
    const places = new Map<number, number>();
    const replaced = new Set<number>();
    const all = [...read.fields.values()].flat().toSorted((a, b) => a.start - b.start);
    for (const wire of all) {
      const field = plan.field(wire.number);
      // What has no known name may have one that is to be taken out.
      if (field === undefined) {
        same = false;
        continue;
      }
      const own = nameless.includes(wire.number) ? nodes : named(nodes, field);
      if (own.some(({ end }) => end) && !nameless.includes(wire.number)) {
        same = false;
        if (!replaced.has(wire.number)) out.push(...replacement(field, wire));
        replaced.add(wire.number);
        continue;
      }
      const place = places.get(wire.number) ?? 0;
      places.set(wire.number, place + 1);
      const value = bytes.subarray(wire.start, wire.end);
      const kept = own.length === 0 ? value : this.#value(bytes, wire, field, own, place, depth);
      if (kept === undefined) return undefined;
      same &&= kept === value || (kept !== 'none' && kept.equals(value));
      if (kept !== 'none') out.push(...encoded(wire, kept));
    }
    return same ? bytes : Buffer.concat(out);
  }

  /** One value of a field at or below which something is named. */
  #value(
    bytes: Buffer,
    wire: WireField,
    field: FieldPlan,
    nodes: readonly FieldNode[],
    place: number,
    depth: number,
  ): Buffer | 'none' | undefined {
    const content = bytes.subarray(wire.start, wire.end);
    const { value } = field;
    if (value.kind === 'map') return this.#entry(content, wire, value, nodes, depth);
    const own = field.list ? childrenOf(nodes, String(place)) : nodes;
    if (field.list && value.kind === 'scalar' && wire.wire !== wireOf(value.type)) {
      // Packed numbers go together, whichever of them is named.
      return nodes.some(({ children }) => children.size > 0) ? 'none' : content;
    }
    if (field.list && own.some(({ end }) => end)) return textIn(value) ?? 'none';
    return this.#below(content, wire, value, own, depth);
  }

  /** Something that is not named itself. */
  #below(
    content: Buffer,
    wire: WireField,
    value: ValuePlan,
    nodes: readonly FieldNode[],
    depth: number,
  ): Buffer | 'none' | undefined {
    if (nodes.length === 0 || value.kind !== 'message') return content;
    // As something else than what it is it could not be read.
    if (wire.wire !== (value.group ? GROUP : LENGTH_DELIMITED)) return 'none';
    return this.message(content, value.message, nodes, depth + 1);
  }

  #entry(
    content: Buffer,
    wire: WireField,
    { key: keyType, value }: ValuePlan & { readonly kind: 'map' },
    nodes: readonly FieldNode[],
    depth: number,
  ): Buffer | 'none' | undefined {
    if (wire.wire !== LENGTH_DELIMITED) return 'none';
    const read = readMessage(content, this.#budget, this.#depth);
    if (typeof read === 'string') return undefined;
    const key = read.fields.get(1)?.at(-1);
    if (key !== undefined && key.wire !== wireOf(keyType)) return 'none';
    const name = key === undefined ? '' : readScalar(content, key, keyType);
    const text =
      keyType === 'string' && key !== undefined ? content.toString('utf8', key.start, key.end) : String(name);
    const own = childrenOf(nodes, text);
    if (own.length === 0) return content;
    const given = read.fields.get(2)?.at(-1);
    const out = key === undefined ? [] : encoded(key, content.subarray(key.start, key.end));
    const entryWire = { number: 2, wire: LENGTH_DELIMITED, start: 0, end: 0 };
    if (own.some(({ end }) => end)) {
      const hidden = textIn(value);
      return Buffer.concat(hidden === undefined ? out : [...out, ...encoded(entryWire, hidden)]);
    }
    if (given === undefined) return content;
    const kept = this.#below(content.subarray(given.start, given.end), given, value, own, depth);
    if (kept === undefined) return undefined;
    return Buffer.concat(kept === 'none' ? out : [...out, ...encoded(given, kept)]);
  }

  /** An Any holds what it packs, as in JSON; of what is not known nothing is left but its name. */
  #packed(bytes: Buffer, nodes: readonly FieldNode[], depth: number): Buffer | undefined {
    const read = readMessage(bytes, this.#budget, this.#depth);
    if (typeof read === 'string') return undefined;
    const packed = packedOf(read);
    const url = read.fields.get(1)?.at(-1);
    if (packed === undefined || url === undefined) return Buffer.alloc(0);
    const plan = this.#typeOf(packed.typeName);
    const { value } = packed;
    if (value === undefined) return bytes;
    const head = encoded(url, bytes.subarray(url.start, url.end));
    if (plan === undefined) return Buffer.concat(head);
    const content = bytes.subarray(value.start, value.end);
    const kept = this.message(content, plan, nodes, depth + 1);
    if (kept === undefined) return undefined;
    return kept === content ? bytes : Buffer.concat([...head, ...encoded(value, kept)]);
  }
}

/** Nodes by either name of a field: that of JSON, or that in the .proto file. */
function named(nodes: readonly FieldNode[], { name, jsonName }: FieldPlan): readonly FieldNode[] {
  const found = childrenOf(nodes, jsonName);
  return name === jsonName ? found : [...new Set([...found, ...childrenOf(nodes, name)])];
}

/** What stands in the place of a value: a text where there may be one. */
function textIn(value: ValuePlan): Buffer | undefined {
  if (value.kind === 'scalar') return value.type === 'string' || value.type === 'bytes' ? TEXT : undefined;
  if (value.kind === 'map') return undefined;
  const { typeName } = value.message;
  const number = typeName === 'google.protobuf.Value' ? STRING_VALUE : 1;
  const holdsText =
    typeName === 'google.protobuf.Value' ||
    typeName === 'google.protobuf.StringValue' ||
    typeName === 'google.protobuf.BytesValue';
  return holdsText ? Buffer.concat(encoded({ number, wire: LENGTH_DELIMITED }, TEXT)) : undefined;
}

/** What stands in the place of a field: a text; else nothing, or the least that a required one may be. */
function replacement({ value, required }: FieldPlan, { number }: WireField): readonly Buffer[] {
  const text = textIn(value);
  if (text !== undefined) return encoded({ number, wire: LENGTH_DELIMITED }, text);
  if (!required) return [];
  if (value.kind !== 'scalar') {
    const group = value.kind === 'message' && value.group;
    return encoded({ number, wire: group ? GROUP : LENGTH_DELIMITED }, Buffer.alloc(0));
  }
  const wire = wireOf(value.type);
  const sizes: Readonly<Record<number, number>> = { [VARINT]: 1, [FIXED64]: 8, [FIXED32]: 4 };
  // An enum has no other value than those that it names.
  const zero =
    value.type === 'enum' ? varint(Math.max(0, Number(value.initial))) : Buffer.alloc(sizes[wire] ?? 0);
  return encoded({ number, wire }, zero);
}

function encoded({ number, wire }: Pick<WireField, 'number' | 'wire'>, content: Buffer): readonly Buffer[] {
  const tag = varint(number * 8 + wire);
  if (wire === LENGTH_DELIMITED) return [tag, varint(content.length), content];
  return wire === GROUP ? [tag, content, varint(number * 8 + END_GROUP)] : [tag, content];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 0x80);
  return Buffer.from([...bytes, rest]);
}

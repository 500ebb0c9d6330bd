import { Buffer } from 'node:buffer';
import type { BodyFault } from '../../model/difference.ts';
import type { FormatContext } from '../format.ts';
import { compareOctets } from '../formats/octets.ts';
import { createContent } from '../content.ts';
import { near } from '../json/numbers.ts';
import { fieldPath } from '../path.ts';
import { compareElements } from './elements.ts';
import { compareMaps } from './maps.ts';
import type { FieldPlan, MessagePlan, PlanOfType, ValuePlan } from './plan.ts';
import { readScalar, sameScalar, scalarText, wireOf } from './scalar.ts';
import type { Scalar } from './scalar.ts';
import { shown, shownMessage } from './show.ts';
import { compareUntyped, compareUntypedValues, isUnset } from './untyped.ts';
import { content, sameBytes } from './value.ts';
import type { Value } from './value.ts';
import { packedBytes, packedOf, timeText } from './well-known.ts';
import { GROUP, LENGTH_DELIMITED, readMessage, unpacked } from './wire-message.ts';
import type { ReadBudget, WireField, WireMessage } from './wire-message.ts';

/** Bytes of nested messages that may be read for each byte of the two messages, and what is always allowed. */
const BYTES_READ_PER_BYTE = 48;
const BYTES_ALWAYS_READ = 64 * 1024;
/** Bytes of a value that are long enough to be an id, and short enough. */
const ID_BYTES_MIN = 8;
const ID_BYTES_MAX = 64;

export interface ProtobufOptions {
  readonly typeOf: PlanOfType;
  /** `equivalent`: unset is the same as set to the default. */
  readonly unset: 'differs' | 'default';
}

/**
 * Compares two messages with the semantics of MessageDifferencer (protobuf.dev, util/message_differencer.h): by fields
 * where the type is known, by field numbers and wire types otherwise. Each level is read when something below it differs.
 * Order of fields and packing make no difference. One pair at a time.
 */
export class ProtobufComparison {
  /** Where differences go; what is guessed is tried on a sink of its own. */
  context: FormatContext;
  readonly budget: ReadBudget;
  readonly options: ProtobufOptions;

  /** @param sizes bytes of all messages of the pair */
  constructor(context: FormatContext, options: ProtobufOptions, sizes: number) {
    this.context = context;
    this.options = options;
    this.budget = {
      values: context.limits.values * 2,
      bytes: sizes * BYTES_READ_PER_BYTE + BYTES_ALWAYS_READ,
    };
  }

  /** Adds what differs between two messages. */
  messages(left: Buffer, right: Buffer, plan: MessagePlan | undefined, path: string, depth = 0): void {
    const { context } = this;
    if (left.equals(right) || context.sink.full || context.ignored(path)) return;
    const one = this.read(left, depth);
    const two = this.read(right, depth);
    if (typeof one === 'string' || typeof two === 'string') {
      this.#unreadable(left, right, one, two, path);
      return;
    }
    if (plan !== undefined && plan.form !== 'plain' && this.#wellKnown(one, two, plan, path, depth)) return;
    const lefts = plan === undefined ? one.fields : lastOfOneofs(one, plan);
    const rights = plan === undefined ? two.fields : lastOfOneofs(two, plan);
    for (const [number, fields] of lefts) {
      if (context.sink.full) return;
      this.#field(one, fields, two, rights.get(number) ?? [], number, plan?.field(number), path, depth);
    }
    for (const [number, fields] of rights) {
      if (context.sink.full) return;
      if (!lefts.has(number)) this.#field(one, [], two, fields, number, plan?.field(number), path, depth);
    }
  }

  /** Reads a message; deeper than the limit it is a fault. */
  read(bytes: Buffer, depth: number): WireMessage | BodyFault {
    const left = this.context.limits.depth - depth;
    return left <= 0 ? 'too_deep' : readMessage(bytes, this.budget, left);
  }

  #field(
    one: WireMessage,
    lefts: readonly WireField[],
    two: WireMessage,
    rights: readonly WireField[],
    number: number,
    field: FieldPlan | undefined,
    above: string,
    depth: number,
  ): void {
    if (sameFields(one, lefts, two, rights)) return;
    const known = field === undefined ? undefined : this.#fitting(one, lefts, field);
    const others = field === undefined ? undefined : this.#fitting(two, rights, field);
    if (field === undefined || known === undefined || others === undefined) {
      compareUntyped(this, one, lefts, two, rights, fieldPath(above, `#${number}`), depth);
      return;
    }
    const path = fieldPath(above, field.name);
    if (this.context.ignored(path)) return;
    const { value } = field;
    if (value.kind === 'map') compareMaps(this, one, known, two, others, value, path, depth);
    else if (field.list) compareElements(this, one, known, two, others, value, path, depth);
    else this.#singular(one, known, two, others, field, value, path, depth);
  }

  /** The values of a field, packed ones taken apart; undefined when they are of another wire type. */
  #fitting(
    message: WireMessage,
    fields: readonly WireField[],
    { list, value }: FieldPlan,
  ): readonly WireField[] | undefined {
    const wire = value.kind === 'scalar' ? wireOf(value.type) : groupWire(value);
    if (fields.every((field) => field.wire === wire)) return fields;
    if (!list || value.kind !== 'scalar' || wire === LENGTH_DELIMITED) return undefined;
    return unpacked(message.bytes, fields, wire, this.budget);
  }

  #singular(
    one: WireMessage,
    lefts: readonly WireField[],
    two: WireMessage,
    rights: readonly WireField[],
    field: FieldPlan,
    value: Exclude<ValuePlan, { readonly kind: 'map' }>,
    path: string,
    depth: number,
  ): void {
    const left = lefts.at(-1);
    const right = rights.at(-1);
    if (value.kind === 'message') {
      if ((left === undefined || right === undefined) && this.options.unset === 'differs')
        this.#present(one, left, two, right, value, path);
      else this.messages(merged(one, lefts), merged(two, rights), value.message, path, depth + 1);
      return;
    }
    const all = left !== undefined && right !== undefined;
    if (!all && field.explicit) {
      const given = left === undefined ? right : left;
      const message = left === undefined ? two : one;
      const isDefault =
        given !== undefined && sameScalar(readScalar(message.bytes, given, value.type), value.initial);
      if (!isDefault || this.options.unset === 'differs') this.#present(one, left, two, right, value, path);
      return;
    }
    const primary = left === undefined ? value.initial : readScalar(one.bytes, left, value.type);
    const other = right === undefined ? value.initial : readScalar(two.bytes, right, value.type);
    this.scalars(primary, other, value, path);
  }

  #present(
    one: WireMessage,
    left: WireField | undefined,
    two: WireMessage,
    right: WireField | undefined,
    plan: ValuePlan,
    path: string,
  ): void {
    this.missingOrAdded(
      left === undefined ? undefined : { bytes: one.bytes, field: left },
      right === undefined ? undefined : { bytes: two.bytes, field: right },
      plan,
      path,
      'high',
    );
  }

  /** Adds what only one side has. */
  missingOrAdded(
    left: Value | undefined,
    right: Value | undefined,
    plan: ValuePlan | undefined,
    path: string,
    risk: 'medium' | 'high',
  ): void {
    const { sink } = this.context;
    if (left !== undefined) sink.add('missing', path, risk, shown(left.bytes, left.field, plan), undefined);
    else if (right !== undefined)
      sink.add('added', path, 'low', undefined, shown(right.bytes, right.field, plan));
  }

  /** Adds what differs between two values of one plan; without one they are compared by their wire types. */
  values(left: Value, right: Value, plan: ValuePlan | undefined, path: string, depth: number): void {
    if (plan === undefined) {
      compareUntypedValues(this, left, right, path, depth);
      return;
    }
    if (sameBytes(left.bytes, left.field, right.bytes, right.field)) return;
    if (plan.kind === 'scalar') {
      this.scalars(
        readScalar(left.bytes, left.field, plan.type),
        readScalar(right.bytes, right.field, plan.type),
        plan,
        path,
      );
    } else if (plan.kind === 'message') {
      this.messages(content(left), content(right), plan.message, path, depth + 1);
    }
  }

  /** Adds two scalars that differ, unless they are near or alike. */
  scalars(
    left: Scalar,
    right: Scalar,
    { type, names }: Extract<ValuePlan, { kind: 'scalar' }>,
    path: string,
  ): void {
    if (sameScalar(left, right)) return;
    const { context } = this;
    if (names !== undefined || type === 'bool') {
      const named = (value: Scalar) =>
        (typeof value === 'number' ? names?.get(value) : undefined) ?? String(value);
      context.sink.add('value', path, 'medium', named(left), named(right));
      return;
    }
    const text = type === 'string' ? String(left) : scalarText(left, type);
    const otherText = type === 'string' ? String(right) : scalarText(right, type);
    if (type === 'bytes') {
      if (this.#alikeIds(String(left), String(right))) return;
    } else {
      const tolerance = type === 'string' ? undefined : context.tolerance(path);
      if (tolerance !== undefined && near(text, otherText, tolerance)) return;
      if (context.alike(text, otherText)) return;
    }
    context.sink.add('value', path, 'medium', scalarText(left, type), scalarText(right, type));
  }

  /** Whether bytes are two ids of one kind, by their hexadecimal digits. */
  #alikeIds(left: string, right: string): boolean {
    if (left.length !== right.length || left.length < ID_BYTES_MIN * 2) return false;
    return left.length <= ID_BYTES_MAX * 2 && this.context.alike(left, right);
  }

  /** @returns whether the two have been compared */
  #wellKnown(
    one: WireMessage,
    two: WireMessage,
    { form }: MessagePlan,
    path: string,
    depth: number,
  ): boolean {
    if (form === 'timestamp' || form === 'duration') {
      const left = timeText(one, form);
      const right = timeText(two, form);
      if (left === undefined || right === undefined) return false;
      if (left !== right && !this.context.alike(left, right))
        this.context.sink.add('value', path, 'medium', JSON.stringify(left), JSON.stringify(right));
      return true;
    }
    const left = packedOf(one);
    const right = packedOf(two);
    if (left === undefined || right === undefined) return false;
    if (left.typeName !== right.typeName) {
      this.context.sink.add('type', path, 'high', left.typeName, right.typeName);
      return true;
    }
    const plan = this.options.typeOf(left.typeName);
    if (plan === undefined) return false;
    this.messages(packedBytes(one, left), packedBytes(two, right), plan, path, depth + 1);
    return true;
  }

  /** Two messages that are broken alike are compared as bytes; otherwise being broken is the difference. */
  #unreadable(
    left: Buffer,
    right: Buffer,
    one: WireMessage | BodyFault,
    two: WireMessage | BodyFault,
    path: string,
  ): void {
    const fault = typeof one === 'string' ? one : undefined;
    const otherFault = typeof two === 'string' ? two : undefined;
    if (fault === otherFault || (isOurs(fault) && isOurs(otherFault))) {
      compareOctets(createContent(left, ''), createContent(right, ''), path, this.context);
      return;
    }
    this.context.sink.add('type', path, 'high', noteOf(fault, left), noteOf(otherFault, right));
  }

  /** Whether a value says nothing that its absence would not say, where that is asked for. */
  saysNothing({ bytes, field }: Value): boolean {
    return this.options.unset === 'default' && isUnset(bytes, field);
  }
}

/** Nothing is wrong with what is past our own limits only. */
function isOurs(fault: BodyFault | undefined): boolean {
  return fault === undefined || fault === 'too_many_values';
}

function noteOf(fault: BodyFault | undefined, bytes: Buffer): string {
  return fault === undefined ? shownMessage(bytes, undefined) : `not readable: ${fault}`;
}

function groupWire(value: ValuePlan): number {
  return value.kind === 'message' && value.group ? GROUP : LENGTH_DELIMITED;
}

/** The bytes of a message; of one that stands several times all of them, since that is how they are merged. */
function merged({ bytes }: WireMessage, fields: readonly WireField[]): Buffer {
  const [first] = fields;
  if (first === undefined) return bytes.subarray(0, 0);
  if (fields.length === 1) return bytes.subarray(first.start, first.end);
  return Buffer.concat(fields.map(({ start, end }) => bytes.subarray(start, end)));
}

/** Of the members of a oneof only the last one on the wire counts. */
function lastOfOneofs(
  message: WireMessage,
  { oneofs }: MessagePlan,
): ReadonlyMap<number, readonly WireField[]> {
  let fields: Map<number, readonly WireField[]> | undefined;
  for (const members of oneofs) {
    let last = 0;
    let place = -1;
    let count = 0;
    for (const number of members) {
      const start = message.fields.get(number)?.at(-1)?.start;
      if (start === undefined) continue;
      count++;
      // An empty value ends where it begins, but its tag stands before.
      if (start > place) [last, place] = [number, start];
    }
    if (count < 2) continue;
    fields ??= new Map(message.fields);
    for (const number of members) if (number !== last) fields.delete(number);
  }
  return fields ?? message.fields;
}

function sameFields(
  one: WireMessage,
  lefts: readonly WireField[],
  two: WireMessage,
  rights: readonly WireField[],
): boolean {
  if (lefts.length !== rights.length) return false;
  for (let i = 0; i < lefts.length; i++) {
    const left = lefts[i];
    const right = rights[i];
    if (left === undefined || right === undefined) return false;
    if (left.wire !== right.wire || !sameBytes(one.bytes, left, two.bytes, right)) return false;
  }
  return true;
}

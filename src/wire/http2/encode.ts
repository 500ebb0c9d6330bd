import { DEFAULT_FRAME_BYTES, FLAG, FRAME, FRAME_HEAD_BYTES } from './frame.ts';
import { STATIC_TABLE } from './static-table.ts';
import type { Field } from './static-table.ts';

/** Static entries by name, and by name and value (index from 1). */
const NAMES = new Map<string, number>();
const FIELDS = new Map<string, number>();
for (const [at, [name, value]] of STATIC_TABLE.entries()) {
  if (!NAMES.has(name)) NAMES.set(name, at + 1);
  if (value !== '') FIELDS.set(`${name}\0${value}`, at + 1);
}

/** Headers that no one on the way may put into a table (RFC 7541 §7.1.3). */
const NEVER_INDEXED: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie']);

const LITERAL = 0x00;
const LITERAL_NEVER = 0x10;
const INDEXED = 0x80;

/** The head of a frame; its payload follows. */
export function frameHead(type: number, flags: number, stream: number, bytes: number): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  writeFrameHead(head, 0, type, flags, stream, bytes);
  return head;
}

/** A whole frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  writeFrameHead(bytes, 0, type, flags, stream, payload.length);
  bytes.set(payload, FRAME_HEAD_BYTES);
  return bytes;
}

/**
 * HEADERS, and CONTINUATION where it is long. Nothing is put into the dynamic table, so that what is encoded depends on
 * nothing before it: a copy can be encoded before it is known which connection carries it.
 *
 * @param fields pseudo-headers first; names in lower case; an octet per code unit
 */
export function encodeHeaders(
  stream: number,
  fields: readonly Field[],
  endStream: boolean,
  frameBytes: number = DEFAULT_FRAME_BYTES,
): Buffer {
  const block = encodeBlock(fields);
  const flags = endStream ? FLAG.endStream : 0;
  if (block.length <= frameBytes) return frame(FRAME.headers, flags | FLAG.endHeaders, stream, block);
  const frames: Buffer[] = [frame(FRAME.headers, flags, stream, block.subarray(0, frameBytes))];
  for (let at = frameBytes; at < block.length; at += frameBytes) {
    const last = at + frameBytes >= block.length;
    const part = block.subarray(at, at + frameBytes);
    frames.push(frame(FRAME.continuation, last ? FLAG.endHeaders : 0, stream, part));
  }
  return Buffer.concat(frames);
}

/** A header block (RFC 7541 §6): static entries by their index, everything else as plain literals. */
export function encodeBlock(fields: readonly Field[]): Buffer {
  let most = 0;
  for (const [name, value] of fields) most += name.length + value.length + 16;
  const block = Buffer.allocUnsafe(most);
  let at = 0;
  for (const [name, value] of fields) {
    const whole = value.length > 24 ? undefined : FIELDS.get(`${name}\0${value}`);
    if (whole !== undefined) {
      at = writeInteger(block, at, INDEXED, 7, whole);
      continue;
    }
    const known = NAMES.get(name);
    at = writeInteger(block, at, NEVER_INDEXED.has(name) ? LITERAL_NEVER : LITERAL, 4, known ?? 0);
    if (known === undefined) at = writeString(block, at, name);
    at = writeString(block, at, value);
  }
  return block.subarray(0, at);
}

/** SETTINGS with these parameters (§6.5.1). */
export function encodeSettings(parameters: readonly (readonly [parameter: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(parameters.length * 6);
  for (const [index, [parameter, value]] of parameters.entries()) {
    payload.writeUInt16BE(parameter, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

/** A frame whose payload is one number: RST_STREAM, WINDOW_UPDATE. */
export function encodeNumber(type: number, stream: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + 4);
  writeFrameHead(bytes, 0, type, 0, stream, 4);
  bytes.writeUInt32BE(value, FRAME_HEAD_BYTES);
  return bytes;
}

function writeFrameHead(
  into: Buffer,
  at: number,
  type: number,
  flags: number,
  stream: number,
  bytes: number,
): void {
  into.writeUIntBE(bytes, at, 3);
  into[at + 3] = type;
  into[at + 4] = flags;
  into.writeUInt32BE(stream, at + 5);
}

/** An integer with a prefix of so many bits (RFC 7541 §5.1). */
function writeInteger(into: Buffer, from: number, kind: number, prefix: number, value: number): number {
  const mask = (1 << prefix) - 1;
  let at = from;
  if (value < mask) {
    into[at++] = kind | value;
    return at;
  }
  into[at++] = kind | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

function writeString(into: Buffer, from: number, text: string): number {
  const at = writeInteger(into, from, 0, 7, text.length);
  return at + into.write(text, at, 'latin1');
}

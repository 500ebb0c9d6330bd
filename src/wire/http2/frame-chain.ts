import { FLAG, FRAME, FRAME_HEAD_BYTES } from './frame.ts';

/** Whole frames after which a chunk need not end with a frame. */
const WHOLE_FRAMES = 3;
/** Frames after which no more are looked at. */
const ENOUGH_FRAMES = 16;
/**
 * Longest frame of a connection of which the beginning was not seen, octets: most peers never allow more than 16 KiB, and text
 * that was taken for the head of a frame says at least 2 MiB.
 */
export const LONGEST_BYTES = 2 ** 20;
/** Most parameters of SETTINGS; a dozen are registered. */
const SETTINGS_BYTES = 32 * 6;
const { endStream, ack, endHeaders, padded, priority } = FLAG;

/** What the head of a frame may be: length, flags, and whether it belongs to a stream. */
interface Shape {
  readonly least: number;
  readonly most: number;
  readonly flags: number;
  readonly stream: boolean;
  readonly sender: 'client' | 'server' | 'both';
}

const SHAPES: ReadonlyMap<number, Shape> = new Map([
  [FRAME.data, shape(0, LONGEST_BYTES, endStream | padded, true)],
  [FRAME.headers, shape(1, LONGEST_BYTES, endStream | endHeaders | padded | priority, true)],
  [FRAME.priority, shape(5, 5, 0, true)],
  [FRAME.resetStream, shape(4, 4, 0, true)],
  [FRAME.settings, shape(0, SETTINGS_BYTES, ack, false)],
  [FRAME.pushPromise, shape(5, LONGEST_BYTES, endHeaders | padded, true, 'server')],
  [FRAME.ping, shape(8, 8, ack, false)],
  [FRAME.goAway, shape(8, LONGEST_BYTES, 0, false)],
  [FRAME.continuation, shape(0, LONGEST_BYTES, endHeaders, true)],
  // ORIGIN (RFC 8336) and PRIORITY_UPDATE (RFC 9218), which browsers and what they talk to send.
  [0x0c, shape(0, LONGEST_BYTES, 0, false, 'server')],
  [0x10, shape(4, LONGEST_BYTES, 0, false, 'client')],
]);

/**
 * Whether a chunk that was read from the middle of a connection begins with a frame (RFC 9113 §4.1): frame follows upon frame
 * until the chunk ends where one of them does, or at least three of them do, each with a head that its type can have. Of random
 * octets less than one head in ten million passes; what somebody has made to look like frames does, so that the caller has to
 * find out more.
 */
export function beginsWithFrames(chunk: Uint8Array, fromClient: boolean): boolean {
  let at = 0;
  let frames = 0;
  // The stream of a header block that goes on.
  let block = 0;
  while (at + FRAME_HEAD_BYTES <= chunk.length && frames < ENOUGH_FRAMES) {
    const bytes = payloadBytes(chunk, at, fromClient, block);
    if (bytes < 0) return false;
    const type = chunk[at + 3] as number;
    const flags = chunk[at + 4] as number;
    const opens = type === FRAME.headers || type === FRAME.pushPromise || type === FRAME.continuation;
    block = opens && (flags & endHeaders) === 0 ? streamOf(chunk, at) : 0;
    at += FRAME_HEAD_BYTES + bytes;
    if (at <= chunk.length) frames++;
  }
  return frames >= WHOLE_FRAMES || (frames > 0 && at === chunk.length);
}

/** Length of the frame at a place, -1 when there is none. */
function payloadBytes(chunk: Uint8Array, at: number, fromClient: boolean, block: number): number {
  const bytes = ((chunk[at] as number) << 16) | ((chunk[at + 1] as number) << 8) | (chunk[at + 2] as number);
  const type = chunk[at + 3] as number;
  const flags = chunk[at + 4] as number;
  const stream = streamOf(chunk, at);
  // The reserved bit.
  if ((chunk[at + 5] as number) >= 0x80) return -1;
  if ((type === FRAME.continuation) !== (block !== 0) || (block !== 0 && stream !== block)) return -1;
  // Of a stream or of the connection.
  if (type === FRAME.windowUpdate) return bytes === 4 && flags === 0 ? bytes : -1;
  const known = SHAPES.get(type);
  if (known === undefined || known.sender === (fromClient ? 'server' : 'client')) return -1;
  const isSettings = type === FRAME.settings;
  const fits =
    bytes >= known.least &&
    bytes <= known.most &&
    (flags & ~known.flags) === 0 &&
    (stream !== 0) === known.stream &&
    // Only servers open streams with even numbers, by pushing.
    !(fromClient && stream % 2 === 0 && (type === FRAME.headers || type === FRAME.data)) &&
    !(isSettings && (bytes % 6 !== 0 || (flags === ack && bytes > 0)));
  return fits ? bytes : -1;
}

function streamOf(chunk: Uint8Array, at: number): number {
  return (
    (((chunk[at + 5] as number) & 0x7f) << 24) |
    ((chunk[at + 6] as number) << 16) |
    ((chunk[at + 7] as number) << 8) |
    (chunk[at + 8] as number)
  );
}

function shape(
  least: number,
  most: number,
  flags: number,
  stream: boolean,
  sender: Shape['sender'] = 'both',
): Shape {
  return { least, most, flags, stream, sender };
}

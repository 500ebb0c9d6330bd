/**
 * The messages of one side of a WebSocket connection, as both sides of a pair are kept: a record each, of one octet for
 * the kind, four for the length, and what it holds. A sequence that has come to its end ends with a `close`.
 */
export type MessageRecord =
  | { readonly kind: 'text' | 'binary'; readonly payload: Buffer }
  /** A message of which bytes were lost: it was there, and nothing else is known of it. */
  | { readonly kind: 'lost' }
  | CloseRecord;

export interface CloseRecord {
  readonly kind: 'close';
  /** Whose Close frame came first. */
  readonly by: 'client' | 'server';
  /** Of the Close frame of the side that the sequence is of; 1005: it held none, 1006: there was no frame (RFC 6455 §7.1.5). */
  readonly code: number;
  readonly reason: string;
  /** Messages of the server that had come when the first Close frame did. */
  readonly received: number;
}

const HEAD_BYTES = 5;
const CLOSE_BYTES = 7;
const KINDS = { lost: 0, text: 1, binary: 2, close: 8 } as const;

export function encodeRecord(record: MessageRecord): Buffer {
  if (record.kind === 'lost') return framed(KINDS.lost, EMPTY);
  if (record.kind !== 'close') return framed(KINDS[record.kind], record.payload);
  const reason = Buffer.from(record.reason);
  const payload = Buffer.alloc(CLOSE_BYTES + reason.length);
  payload[0] = record.by === 'client' ? 0 : 1;
  payload.writeUInt16BE(record.code, 1);
  payload.writeUInt32BE(record.received, 3);
  payload.set(reason, CLOSE_BYTES);
  return framed(KINDS.close, payload);
}

/** Reads records; one that is cut off at the end is left out. What it gives out are views. */
export function decodeRecords(bytes: Buffer): readonly MessageRecord[] {
  const records: MessageRecord[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const end = at + HEAD_BYTES + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    records.push(recordOf(bytes[at] ?? 0, bytes.subarray(at + HEAD_BYTES, end)));
    at = end;
  }
  return records;
}

const EMPTY = Buffer.alloc(0);

function framed(kind: number, payload: Buffer): Buffer {
  const record = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  record[0] = kind;
  record.writeUInt32BE(payload.length, 1);
  record.set(payload, HEAD_BYTES);
  return record;
}

function recordOf(kind: number, payload: Buffer): MessageRecord {
  if (kind === KINDS.text) return { kind: 'text', payload };
  if (kind === KINDS.binary) return { kind: 'binary', payload };
  if (kind !== KINDS.close || payload.length < CLOSE_BYTES) return { kind: 'lost' };
  return {
    kind: 'close',
    by: payload[0] === 0 ? 'client' : 'server',
    code: payload.readUInt16BE(1),
    received: payload.readUInt32BE(3),
    reason: payload.toString('utf8', CLOSE_BYTES),
  };
}

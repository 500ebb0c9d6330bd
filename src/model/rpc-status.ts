import { Buffer } from 'node:buffer';

export type Fields = readonly (readonly [name: string, value: string])[];

/** How a call ended. */
export interface RpcStatus {
  /** Undefined when the answer does not say, which clients take for UNKNOWN. */
  readonly code: number | undefined;
  readonly message: string;
  /** `google.rpc.Status`, serialised. */
  readonly details: Buffer | undefined;
}

/** Names by code (github.com/grpc/grpc, doc/statuscodes.md). */
export const GRPC_STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;
export type GrpcStatus = (typeof GRPC_STATUSES)[number];

const STATUS = 'grpc-status';
const MESSAGE = 'grpc-message';
const DETAILS = 'grpc-status-details-bin';
/** Longest message that is decoded, characters. */
const MESSAGE_CHARS = 8192;

/** `NOT_FOUND (5)`, or `none` where nothing is said. */
export function statusText({ code }: RpcStatus): string {
  return code === undefined ? 'none' : `${GRPC_STATUSES[code] ?? 'unknown code'} (${code})`;
}

/** Whether fields tell how a call ended. */
export function hasStatus(fields: Fields): boolean {
  return fields.some(([name]) => name.toLowerCase() === STATUS);
}

/** The status that trailers tell, or the headers of an answer that has nothing else. */
export function readStatus(fields: Fields): RpcStatus {
  let code: number | undefined;
  let message = '';
  let details: Buffer | undefined;
  for (const [name, value] of fields) {
    const field = name.toLowerCase();
    if (field === STATUS) code = /^\s*\d{1,9}\s*$/.test(value) ? Number(value) : undefined;
    else if (field === MESSAGE) message = decodeMessage(value);
    else if (field === DETAILS) details = Buffer.from(value, 'base64');
  }
  return { code, message, details };
}

/** What is told elsewhere, and how messages are compressed: that is between the two ends of a connection. */
const NO_METADATA: ReadonlySet<string> = new Set([
  STATUS,
  MESSAGE,
  DETAILS,
  'grpc-encoding',
  'grpc-accept-encoding',
  'connect-content-encoding',
  'connect-accept-encoding',
]);

/** The other fields; binary ones without the padding that may be left out. */
export function metadataOf(fields: Iterable<readonly [name: string, value: string]>): Fields {
  const others: (readonly [string, string])[] = [];
  for (const field of fields) {
    const name = field[0].toLowerCase();
    if (NO_METADATA.has(name)) continue;
    others.push(name.endsWith('-bin') ? [name, field[1].replaceAll('=', '')] : field);
  }
  return others;
}

/** Percent-encoded UTF-8; what is not well encoded stays as it is, as the specification asks for. */
function decodeMessage(value: string): string {
  const text = value.slice(0, MESSAGE_CHARS);
  if (!text.includes('%')) return text;
  const bytes = Buffer.from(
    text.replaceAll(/%([\dA-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16))),
    'latin1',
  );
  return bytes.toString('utf8');
}

/** Trailers as gRPC-Web writes them into the last frame: lines of a name, a colon and a value. */
export function readTrailerLines(bytes: Buffer): Fields {
  const fields: (readonly [string, string])[] = [];
  for (const line of bytes.toString('latin1').split(/\r?\n/, TRAILER_LINES)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.push([line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]);
  }
  return fields;
}
const TRAILER_LINES = 1000;

/** What ends a Connect stream: `{"error": {"code": "not_found", "message": …}, "metadata": {…}}`. */
export interface ConnectEnd {
  readonly status: RpcStatus;
  readonly metadata: Fields;
}

/** @returns undefined when it is no such JSON */
export function readConnectEnd(bytes: Buffer | undefined): ConnectEnd | undefined {
  if (bytes === undefined) return undefined;
  try {
    const end: unknown = JSON.parse(bytes.toString('utf8'));
    if (!isObject(end)) return undefined;
    const { error, metadata } = end;
    const fields = Object.entries(isObject(metadata) ? metadata : {}).flatMap(([name, values]) =>
      (Array.isArray(values) ? values : [values]).map(
        (value) => [name, typeof value === 'string' ? value : ''] as const,
      ),
    );
    if (!isObject(error)) return { status: { code: 0, message: '', details: undefined }, metadata: fields };
    const code = GRPC_STATUSES.findIndex((name) => name.toLowerCase() === error['code']);
    const message = typeof error['message'] === 'string' ? error['message'] : '';
    return {
      status: { code: code < 0 ? 2 : code, message, details: undefined },
      metadata: fields,
    };
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

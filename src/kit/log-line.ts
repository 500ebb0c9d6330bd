export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a log line carries besides its message. Units stand in the names (`timeoutMs`, `bodyBytes`). */
export type LogFields = Readonly<Record<string, unknown>>;

/** One line before it is written. */
export interface LogEntry {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Longest text of one value in a log line; what came from outside may be of any length. */
const VALUE_CHARS = 2048;
const DEPTH = 6;
const ITEMS = 100;

/** Field names whose values are never written, compared without case, `-` and `_`. */
const SECRET_NAME =
  /^(?:proxy)?authorization$|^(?:set)?cookie$|(?:password|passwd|passphrase|secret|token|apikey|privatekey|credentials?)$/;

const COLOURS: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 };

/** One JSON object and a line end: `time` (RFC 3339), `level`, `message`, then the fields. */
export function jsonLine(entry: LogEntry): string {
  const head = { time: new Date(entry.at).toISOString(), level: entry.level, message: entry.message };
  // The head comes first, and no field can take its place.
  return `${JSON.stringify({ ...head, ...cleanFields(entry.fields), ...head })}\n`;
}

/** `12:30:01.250 WARN  message  name=value …` for a person to read. */
export function textLine(entry: LogEntry, colour: boolean): string {
  const time = new Date(entry.at).toISOString().slice(11, 23);
  const level = entry.level.toUpperCase().padEnd(5);
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  let line = `${paint(90, time)} ${paint(COLOURS[entry.level], level)} ${printable(entry.message)}`;
  for (const [name, value] of Object.entries(cleanFields(entry.fields))) {
    if (value !== undefined) line += ` ${paint(90, `${printable(name)}=`)}${textValue(value)}`;
  }
  return `${line}\n`;
}

function cleanFields(fields: LogFields): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields))
    out[name] = isSecret(name) ? '[hidden]' : clean(value, 1);
  return out;
}

function isSecret(name: string): boolean {
  return SECRET_NAME.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

/** A copy that JSON can hold, bounded in depth, items and text, without secrets. */
function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return safeText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return errorFields(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= DEPTH) return '…';
  if (value instanceof URL) return safeText(value.href);
  if (isIterable(value)) return cleanItems(value, depth);
  const entries = Object.entries(value).slice(0, ITEMS);
  return Object.fromEntries(
    entries.map(([name, item]) => [name, isSecret(name) ? '[hidden]' : clean(item, depth + 1)]),
  );
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}

function cleanItems(items: Iterable<unknown>, depth: number): unknown[] {
  const out: unknown[] = [];
  for (const item of items) {
    if (out.length === ITEMS) {
      out.push('…');
      break;
    }
    out.push(clean(item, depth + 1));
  }
  return out;
}

function errorFields(error: Error, depth: number): unknown {
  const code = 'code' in error ? error.code : undefined;
  return {
    name: error.name,
    message: safeText(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: safeText(error.stack) }),
    ...(error.cause === undefined || depth >= DEPTH ? {} : { cause: clean(error.cause, depth + 1) }),
  };
}

/** At most `VALUE_CHARS` of a text, with `user:password@` taken out of every URL in it. */
function safeText(text: string): string {
  // Twice the length is looked at, so that the cut never falls between a user name and its `@`.
  const open = text
    .slice(0, 2 * VALUE_CHARS)
    .replaceAll(/([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]{1,512}@/gi, '$1');
  if (open.length <= VALUE_CHARS) return open;
  return `${open.slice(0, VALUE_CHARS)}… (${text.length} characters)`;
}

function textValue(value: unknown): string {
  if (typeof value === 'string')
    return /^[^\s"=\p{C}]+$/u.test(value) ? value : printable(JSON.stringify(value));
  return printable(JSON.stringify(value) ?? '');
}

/** Escapes control and format characters: what a client sent must not move the cursor or forge a line. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

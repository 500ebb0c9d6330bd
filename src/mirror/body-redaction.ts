import { decodeBody } from '../model/content-coding.ts';
import { compileJsonFields } from '../model/json-fields.ts';
import type { FieldNode } from '../model/json-fields.ts';
import type { MessageRedaction, RedactMessage } from '../model/message-redaction.ts';
import type { Redaction } from '../model/policy.ts';
import { decodeWebText, rpcOf } from '../model/rpc.ts';
import type { Rpc } from '../model/rpc.ts';
import { COMPRESSED, PrefixedMessageReader, prefixed } from '../wire/grpc/message-reader.ts';
import { redactJson, valueStart } from './redact-json.ts';

/** What of a head decides how its body is redacted. */
export interface RedactedHead {
  readonly path: string;
  header(name: string): string | undefined;
}

/** Redacts a body as it comes. */
export interface BodyTransform {
  /** What can go out now; undefined when what came cannot be read. */
  push(chunk: Uint8Array): readonly Uint8Array[] | undefined;
  /** Whether nothing has begun that is not whole. */
  readonly atEnd: boolean;
}

/**
 * What has to happen to a body: `stream` it as it comes, `transform` it as it comes, `collect` it to redact the whole, or
 * `refuse` it because it may hold what is to be redacted and cannot be read.
 */
export type BodyTreatment =
  | { readonly kind: 'stream' }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'transform'; readonly begin: () => BodyTransform }
  | { readonly kind: 'collect'; readonly redact: RedactMessage };

/** Redacts bodies of one policy. */
export interface BodyRedaction {
  treatment(head: RedactedHead): BodyTreatment;
  /** A whole body without its named fields; undefined when it had to be read and could not. */
  redact(head: RedactedHead, body: Buffer): Buffer | undefined;
}

export interface BodyRedactionOptions {
  readonly redact: Redaction;
  /** What is known of Protobuf messages. */
  readonly messages: MessageRedaction | undefined;
  readonly side: 'request' | 'answer';
  /** Longest message, also when its compression is undone, bytes. */
  readonly messageBytes: number;
}

/** Types under which JSON is sent without being called so: `curl -d '{"a":1}'` calls it a form. */
const UNSURE = /^(?:text\/|application\/x-www-form-urlencoded\b|$)/i;
const JSON_TYPE = /json/i;
/** Newline-delimited JSON under its many names, and RFC 7464. */
const SEQUENCE_TYPE = /(?:ndjson|jsonl|json-lines|jsonlines|json-seq|stream\+json)/i;
/** Protobuf in plain HTTP, unary calls of Connect among it. */
const PROTOBUF_TYPE =
  /^application\/(?:[\w.+-]*\+)?(?:x-|vnd\.google\.|x-google-)?proto(?:buf|buffer)?\s*(?:;|$)/i;
const TYPE_NAME = /;\s*(?:messagetype|proto)\s*=\s*"?([\w.]{1,512})"?/i;
/** Flags of a last frame that is no message: trailers of gRPC-Web, the end of a Connect stream. */
const END_FLAGS: Readonly<Record<Rpc['protocol'], number>> = {
  grpc: 0,
  'grpc-web': 0x80,
  'grpc-web-text': 0x80,
  connect: 0x02,
};

/** Where Connect carries the message of a call by GET (connectrpc.com/docs/protocol, Unary-Get-Request). */
export const MESSAGE_PARAM = 'message';

/** Whether a query holds a message. */
export function queryMessage(query: string): boolean {
  if (query === '') return false;
  const params = new URLSearchParams(query);
  return params.get('connect') === 'v1' && params.has(MESSAGE_PARAM);
}

const STREAM: BodyTreatment = { kind: 'stream' };
const REFUSE: BodyTreatment = { kind: 'refuse' };

/** @returns undefined when there is nothing to redact */
export function createBodyRedaction(options: BodyRedactionOptions): BodyRedaction | undefined {
  const { redact, messages, side } = options;
  if (redact.jsonFields.length === 0) return undefined;
  const tree = compileJsonFields(redact.jsonFields);
  const unknown = redact.unknownMessages === 'copy' ? STREAM : REFUSE;

  function treatment(head: RedactedHead): BodyTreatment {
    const type = head.header('content-type') ?? '';
    const rpc = rpcOf(type);
    const isProtobuf = PROTOBUF_TYPE.test(type);
    if (rpc === undefined && !isProtobuf && !JSON_TYPE.test(type) && !UNSURE.test(type)) return STREAM;
    const coding = head.header('content-encoding') ?? '';
    const coded = coding !== '' && coding.toLowerCase() !== 'identity';
    if (coded) return rpc === undefined && !isProtobuf ? REFUSE : unknown;
    if (rpc === undefined && !isProtobuf)
      return { kind: 'collect', redact: (body) => redactText(type, body, tree) };
    const message =
      rpc?.codec === 'json'
        ? (bytes: Buffer) => redactJson(bytes, tree)
        : rpc === undefined || rpc.codec === 'proto'
          ? messages?.of(head.path, side, TYPE_NAME.exec(type)?.[1])
          : undefined;
    if (message === undefined) return unknown;
    if (rpc === undefined) return { kind: 'collect', redact: message };
    const begin = (): BodyTransform => new MessageTransform(head, rpc, message, options);
    if (rpc.protocol !== 'grpc-web-text') return { kind: 'transform', begin };
    return { kind: 'collect', redact: (body) => redactWebText(body, begin()) };
  }

  return {
    treatment,
    redact(head, body) {
      if (body.length === 0) return body;
      const chosen = treatment(head);
      if (chosen.kind === 'stream') return body;
      if (chosen.kind === 'collect') return chosen.redact(body);
      return chosen.kind === 'refuse' ? undefined : redactWhole(body, chosen.begin());
    },
  };
}

function redactText(type: string, body: Buffer, tree: FieldNode): Buffer | undefined {
  if (body.length === 0 || (!JSON_TYPE.test(type) && !looksLikeJson(body))) return body;
  return redactJson(body, tree, SEQUENCE_TYPE.test(type));
}

/** Whether the first octet that is no white space opens an object or array. */
function looksLikeJson(body: Buffer): boolean {
  const first = body[valueStart(body)];
  return first === 0x7b || first === 0x5b;
}

/** As far as the messages are whole: the rest of a body that was cut cannot be read. */
function redactWhole(body: Buffer, transform: BodyTransform): Buffer | undefined {
  const parts = transform.push(body);
  return parts === undefined ? undefined : Buffer.concat(parts);
}

function redactWebText(body: Buffer, transform: BodyTransform): Buffer | undefined {
  const bytes = decodeWebText(body);
  const redacted = bytes === undefined ? undefined : redactWhole(bytes, transform);
  return redacted === undefined || !transform.atEnd ? undefined : Buffer.from(redacted.toString('base64'));
}

/** Redacts the messages of a call one after another. What was compressed and has changed goes out uncompressed. */
class MessageTransform implements BodyTransform {
  readonly #reader: PrefixedMessageReader;
  readonly #redact: RedactMessage;
  readonly #encoding: string;
  readonly #endFlag: number;
  readonly #bytesMax: number;

  constructor(
    head: RedactedHead,
    { protocol }: Rpc,
    redact: RedactMessage,
    { side, messageBytes }: BodyRedactionOptions,
  ) {
    this.#reader = new PrefixedMessageReader(messageBytes);
    this.#redact = redact;
    this.#encoding = head.header(protocol === 'connect' ? 'connect-content-encoding' : 'grpc-encoding') ?? '';
    this.#endFlag = side === 'answer' ? END_FLAGS[protocol] : 0;
    this.#bytesMax = messageBytes;
  }

  get atEnd(): boolean {
    return this.#reader.atEnd;
  }

  push(chunk: Uint8Array): readonly Uint8Array[] | undefined {
    const out: Uint8Array[] = [];
    const messages = this.#reader.push(chunk);
    if (messages === undefined) return undefined;
    for (const { flags, payload } of messages) {
      if ((flags & ~(COMPRESSED | this.#endFlag)) !== 0) return undefined;
      if ((flags & this.#endFlag) !== 0) {
        out.push(prefixed(payload, flags));
        continue;
      }
      const plain = (flags & COMPRESSED) === 0 ? payload : this.#decompressed(payload);
      const redacted = plain === undefined ? undefined : this.#redact(plain);
      if (redacted === undefined) return undefined;
      out.push(redacted === plain ? prefixed(payload, flags) : prefixed(redacted));
    }
    return out;
  }

  #decompressed(payload: Buffer): Buffer | undefined {
    if (this.#encoding === '' || this.#encoding === 'identity') return undefined;
    const { bytes, fault } = decodeBody(payload, this.#encoding, this.#bytesMax);
    return fault === undefined ? bytes : undefined;
  }
}

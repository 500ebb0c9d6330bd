import type { RequestHead } from '../model/exchange.ts';
import { compileJsonFields } from './json-fields.ts';
import { redactJson, valueStart } from './redact-json.ts';

/** Redacts request bodies of one policy. */
export interface BodyRedaction {
  /**
   * What has to happen to a body: `stream` it as it comes, `collect` it to redact the whole, or `refuse` it because it
   * may hold JSON that cannot be read (compressed).
   */
  treatment(head: Pick<RequestHead, 'header'>): 'stream' | 'collect' | 'refuse';
  /** The body without its named fields; undefined when it had to be read and could not. */
  redact(head: Pick<RequestHead, 'header'>, body: Buffer): Buffer | undefined;
}

/** Types under which JSON is sent without being called so: `curl -d '{"a":1}'` calls it a form. */
const UNSURE = /^(?:text\/|application\/x-www-form-urlencoded\b|$)/i;
const JSON_TYPE = /json/i;
/** Newline-delimited JSON under its many names, and RFC 7464. */
const SEQUENCE_TYPE = /(?:ndjson|jsonl|json-lines|jsonlines|json-seq|stream\+json)/i;

/**
 * @param fields dotted paths, see `Redaction.jsonFields`
 * @returns undefined when there is nothing to redact
 */
export function createBodyRedaction(fields: readonly string[]): BodyRedaction | undefined {
  if (fields.length === 0) return undefined;
  const tree = compileJsonFields(fields);
  return {
    treatment(head) {
      const type = head.header('content-type') ?? '';
      if (!JSON_TYPE.test(type) && !UNSURE.test(type)) return 'stream';
      const coding = head.header('content-encoding') ?? '';
      return coding === '' || coding.toLowerCase() === 'identity' ? 'collect' : 'refuse';
    },
    redact(head, body) {
      const type = head.header('content-type') ?? '';
      if (body.length === 0 || (!JSON_TYPE.test(type) && !looksLikeJson(body))) return body;
      return redactJson(body, tree, SEQUENCE_TYPE.test(type));
    },
  };
}

/** Whether the first octet that is no white space opens an object or array. */
function looksLikeJson(body: Buffer): boolean {
  const first = body[valueStart(body)];
  return first === 0x7b || first === 0x5b;
}

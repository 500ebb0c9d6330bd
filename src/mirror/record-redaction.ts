import type { MessageRedaction } from '../model/message-redaction.ts';
import type { Redaction } from '../model/policy.ts';
import { SENSITIVE_HEADERS } from '../model/sensitive-headers.ts';
import { createBodyRedaction, MESSAGE_PARAM, queryMessage } from './body-redaction.ts';
import { REDACTED, redactQuery } from './redact-query.ts';

type Fields = readonly (readonly [name: string, value: string])[];

/** Longest message of an answer that is looked into, bytes. */
const MESSAGE_BYTES = 8 * 1024 * 1024;

/** Makes what is recorded of an exchange unreadable where the policy says so, and secrets always. */
export interface RecordRedaction {
  headers(fields: Fields): Fields;
  /** A request target; also of a location. */
  target(target: string): string;
  /**
   * The body of an answer, or undefined when it may hold a field that is to be redacted and cannot be read.
   *
   * @param path of the request
   */
  body(fields: Fields, body: Buffer, path: string): Buffer | undefined;
}

export function createRecordRedaction(redact: Redaction, messages?: MessageRedaction): RecordRedaction {
  const names = new Set([...SENSITIVE_HEADERS, ...redact.headers]);
  const params = new Set(redact.queryParams);
  const bodies = createBodyRedaction({ redact, messages, side: 'answer', messageBytes: MESSAGE_BYTES });
  const target = (text: string): string => {
    const mark = text.indexOf('?');
    if (mark < 0) return text;
    const query = text.slice(mark + 1);
    const hidden = bodies !== undefined && queryMessage(query) ? new Set([...params, MESSAGE_PARAM]) : params;
    return `${text.slice(0, mark + 1)}${redactQuery(query, hidden)}`;
  };
  return {
    headers: (fields) =>
      fields.map(([name, value]): readonly [string, string] => {
        const lower = name.toLowerCase();
        if (names.has(lower)) return [name, REDACTED];
        return lower === 'location' || lower === 'referer' || lower === 'content-location'
          ? [name, target(value)]
          : [name, value];
      }),
    target,
    body(fields, body, path) {
      if (bodies === undefined || body.length === 0) return body;
      const head = {
        path,
        header: (name: string) => fields.find(([field]) => field.toLowerCase() === name)?.[1],
      };
      return bodies.redact(head, body);
    },
  };
}

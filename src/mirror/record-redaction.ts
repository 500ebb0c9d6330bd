import type { Redaction } from '../model/policy.ts';
import { SENSITIVE_HEADERS } from '../model/sensitive-headers.ts';
import { createBodyRedaction } from './body-redaction.ts';
import { REDACTED, redactQuery } from './redact-query.ts';

type Fields = readonly (readonly [name: string, value: string])[];

/** Makes what is recorded of an exchange unreadable where the policy says so, and secrets always. */
export interface RecordRedaction {
  headers(fields: Fields): Fields;
  /** A request target; also of a location. */
  target(target: string): string;
  /** The body, or undefined when it may hold a field that is to be redacted and cannot be read. */
  body(fields: Fields, body: Buffer): Buffer | undefined;
}

export function createRecordRedaction(redact: Redaction): RecordRedaction {
  const names = new Set([...SENSITIVE_HEADERS, ...redact.headers]);
  const params = new Set(redact.queryParams);
  const bodies = createBodyRedaction(redact.jsonFields);
  const target = (text: string): string => {
    const mark = text.indexOf('?');
    return mark < 0 ? text : `${text.slice(0, mark + 1)}${redactQuery(text.slice(mark + 1), params)}`;
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
    body(fields, body) {
      if (bodies === undefined || body.length === 0) return body;
      const head = {
        header: (name: string) => fields.find(([field]) => field.toLowerCase() === name)?.[1],
      };
      const treatment = bodies.treatment(head);
      if (treatment === 'stream') return body;
      return treatment === 'refuse' ? undefined : bodies.redact(head, body);
    },
  };
}

import { STATUS_CODES } from 'node:http';

/** A request that the API refuses; becomes a problem document (RFC 9457). */
export class ApiProblem extends Error {
  readonly code: 'refused';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail one sentence for the caller: what is wrong and how to mend it */
  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.name = 'ApiProblem';
    this.code = 'refused';
    this.status = status;
    this.headers = headers;
  }
}

/** The problem document; its type is `about:blank`, so the title is the status's own phrase. */
export function problemDocument(status: number, detail: string): Readonly<Record<string, unknown>> {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail };
}

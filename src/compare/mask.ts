import type { Redaction } from '../model/policy.ts';
import { pathSteps } from './path.ts';

/** What stands in a difference instead of a secret. */
export const MASKED = '(redacted)';

/** Headers whose values are secrets. Of Set-Cookie, nobody shows the value. */
const SECRET_HEADERS: readonly string[] = [
  'authorization',
  'proxy-authorization',
  'authentication-info',
  'proxy-authentication-info',
  'cookie',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'x-xsrf-token',
  'x-amz-security-token',
  'x-amzn-security-token',
];

/** Says whose values are not shown: secret headers, and whatever the policy redacts in copies. */
export class Mask {
  readonly #headers: ReadonlySet<string>;
  readonly #fields: readonly (readonly string[])[];

  constructor(redaction: Redaction) {
    this.#headers = new Set([...SECRET_HEADERS, ...redaction.headers]);
    this.#fields = redaction.jsonFields.map((field) => field.split('.'));
  }

  /**
   * Whether what stands at a path is, holds or belongs to something redacted.
   *
   * @param root path of the body, or of the part of it, that the redacted fields are counted from
   */
  hides(path: string, root: string): boolean {
    if (path.startsWith('header.') || path.startsWith('trailer.')) {
      return this.#headers.has(path.slice(path.indexOf('.') + 1));
    }
    if (this.#fields.length === 0 || !path.startsWith(root)) return false;
    const below = (pathSteps(path) ?? []).slice(pathSteps(root)?.length ?? 0);
    // The elements of a sequence of documents are documents themselves.
    return this.#onTheWay(below) || (below[0] === '[]' && this.#onTheWay(below.slice(1)));
  }

  /** Whether steps lead to a redacted field, or come from one. */
  #onTheWay(steps: readonly string[]): boolean {
    return this.#fields.some((field) =>
      steps.every((step, index) => {
        const name = field[index];
        if (name === undefined || name === '*') return true;
        return step === '[]' ? /^\d+$/.test(name) : name === step.replace(/^"(?=.)/s, '');
      }),
    );
  }
}

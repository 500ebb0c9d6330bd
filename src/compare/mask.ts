import type { Redaction } from '../model/policy.ts';
import { SECRET_HEADERS } from '../model/sensitive-headers.ts';
import { pathSteps } from './path.ts';

/** What stands in a difference instead of a secret. */
export const MASKED = '(redacted)';

/** Says whose values are not shown: secret headers, and whatever the policy redacts in copies. */
export class Mask {
  readonly #headers: ReadonlySet<string>;
  readonly #fields: readonly (readonly string[])[];
  readonly #parameters: ReadonlySet<string>;
  /** Redacted parameters in the query of an address, or in a form. */
  readonly #inQuery: RegExp | undefined;

  constructor(redaction: Redaction) {
    this.#headers = new Set([...SECRET_HEADERS, ...redaction.headers]);
    this.#fields = redaction.jsonFields.map((field) => field.split('.'));
    this.#parameters = new Set(redaction.queryParams);
    const names = redaction.queryParams.map((name) => RegExp.escape(name)).join('|');
    this.#inQuery = names === '' ? undefined : new RegExp(`((?:^|[?&])(?:${names})=)[^&#\\s"'<>]*`, 'g');
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
    if (this.#fields.length === 0 && this.#parameters.size === 0) return false;
    if (!path.startsWith(root)) return false;
    const below = (pathSteps(path) ?? []).slice(pathSteps(root)?.length ?? 0);
    // Fields of a form are parameters too.
    if (this.#parameters.has(nameOf(below[0] ?? ''))) return true;
    // The elements of a sequence of documents are documents themselves.
    return this.#onTheWay(below) || (below[0] === '[]' && this.#onTheWay(below.slice(1)));
  }

  /** A text without the values of redacted parameters, as in the address of a redirection. */
  clean(text: string): string {
    return this.#inQuery === undefined ? text : text.replace(this.#inQuery, `$1${MASKED}`);
  }

  /** Whether steps lead to a redacted field, or come from one. */
  #onTheWay(steps: readonly string[]): boolean {
    return this.#fields.some((field) =>
      steps.every((step, index) => {
        const name = field[index];
        if (name === undefined || name === '*') return true;
        // A Protobuf field of which only the number is known may be any.
        if (/^#\d+$/.test(step)) return true;
        return step === '[]' ? /^\d+$/.test(name) : name === nameOf(step);
      }),
    );
  }
}

/** The name that a step of a path is, which may be a quoted one. */
function nameOf(step: string): string {
  return step.length > 1 && step.startsWith('"') ? step.slice(1) : step;
}

import type { Redaction } from '../model/policy.ts';
import { SECRET_HEADERS } from '../model/sensitive-headers.ts';
import { pathSteps } from './path.ts';

/** What stands in a difference instead of a secret. */
export const MASKED = '(redacted)';

/** Steps of google.protobuf.Struct and its parts that its JSON does not have. */
const NAMELESS: ReadonlySet<string> = new Set([
  'fields',
  'struct_value',
  'list_value',
  'values',
  'string_value',
  'number_value',
  'bool_value',
]);

/** Names in JSON of fields of Protobuf messages, by their names in the .proto file; undefined where no message is known. */
export type JsonNames = (name: string) => ReadonlySet<string> | undefined;

/** Says whose values are not shown: secret headers, and whatever the policy redacts in copies. */
export class Mask {
  readonly #headers: ReadonlySet<string>;
  readonly #fields: readonly (readonly string[])[];
  readonly #parameters: ReadonlySet<string>;
  /** Redacted parameters in the query of an address, or in a form. */
  readonly #inQuery: RegExp | undefined;
  readonly #jsonNames: JsonNames | undefined;

  constructor(redaction: Redaction, jsonNames?: JsonNames) {
    this.#jsonNames = jsonNames;
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
    return this.#fields.some((field) => this.#along(steps, field));
  }

  #along(steps: readonly string[], field: readonly string[]): boolean {
    let at = 0;
    for (const step of steps) {
      const name = field[at];
      if (name === undefined) return true;
      if (this.#names(step, name)) at++;
      // As JSON the message would not have this step.
      else if (this.#jsonNames === undefined || !NAMELESS.has(step)) return false;
    }
    return true;
  }

  #names(step: string, name: string): boolean {
    // A Protobuf field of which only the number is known may be any.
    if (name === '*' || /^#\d+$/.test(step)) return true;
    if (step === '[]') return /^\d+$/.test(name);
    const written = nameOf(step);
    return name === written || this.#jsonNames?.(written)?.has(name) === true;
  }
}

/** The name that a step of a path is, which may be a quoted one. */
function nameOf(step: string): string {
  return step.length > 1 && step.startsWith('"') ? step.slice(1) : step;
}

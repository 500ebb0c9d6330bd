import { segmentsOf } from './path.ts';
import { REST } from './segment.ts';

/** Templates taken from the configuration and API descriptions; more are left out. */
export const TEMPLATES_LIMIT = 2000;

interface Part {
  readonly literals: Map<string, Part>;
  /** Those with the longest text around the parameter first. */
  readonly parameters: Parameter[];
  /** The template that ends here, for all methods or for one. */
  any: string | undefined;
  readonly byMethod: Map<string, string>;
  /** The same for a template that ends with `/**` here. */
  rest: Part | undefined;
}

interface Parameter {
  readonly before: string;
  readonly after: string;
  readonly part: Part;
}

/** Templates that are known beforehand: `/api/orders/{id}`, `GET /files/{name}.json`, `/static/**`. */
export class TemplateTree {
  readonly #root = createPart();
  #count = 0;

  constructor(templates: readonly string[]) {
    for (const template of templates) {
      if (this.#count >= TEMPLATES_LIMIT) break;
      this.#add(template);
    }
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /**
   * The template that fits, names before parameters, as OpenAPI 3.1 §4.8.8.2 has it.
   *
   * @param segments as `segmentsOf` gives them
   * @returns its path as routes show it
   */
  find(method: string, segments: readonly string[]): string | undefined {
    return findBelow(this.#root, method, segments, 0);
  }

  #add(template: string): void {
    const slash = template.indexOf('/');
    if (slash < 0) return;
    const method = template.slice(0, slash).trim().toUpperCase();
    const segments = template.slice(slash + 1).split('/');
    let part = this.#root;
    const shown: string[] = [];
    for (const [at, segment] of segments.entries()) {
      const last = at === segments.length - 1;
      if (last && (segment === REST || /^\{[^{}]*[+*]\}$/.test(segment))) {
        part = part.rest ??= createPart();
        shown.push(REST);
      } else if (/\{[^{}]*\}/.test(segment)) {
        const parameter = parameterOf(segment);
        part = stepInto(part, parameter.before, parameter.after);
        shown.push(parameter.text);
      } else {
        const name = segmentsOf(`/${segment}`)[0] ?? '';
        let next = part.literals.get(name);
        if (next === undefined) part.literals.set(name, (next = createPart()));
        part = next;
        shown.push(name);
      }
    }
    const path = `/${shown.join('/')}`;
    if (method === '') part.any ??= path;
    else if (!part.byMethod.has(method)) part.byMethod.set(method, path);
    this.#count++;
  }
}

function createPart(): Part {
  return { literals: new Map(), parameters: [], any: undefined, byMethod: new Map(), rest: undefined };
}

/** `report-{year}.pdf` is the text before, the text after, and everything as it is shown. */
function parameterOf(segment: string): {
  readonly before: string;
  readonly after: string;
  readonly text: string;
} {
  const open = segment.indexOf('{');
  const close = segment.lastIndexOf('}');
  const before = segment.slice(0, open);
  const after = segment.slice(close + 1);
  const name = segment.slice(open + 1, close).replaceAll(/[^\w.\-{}]/g, '_');
  return { before, after, text: `${before}{${name}}${after}`.replaceAll(/[^!-~]/g, '_') };
}

function stepInto(part: Part, before: string, after: string): Part {
  const known = part.parameters.find((one) => one.before === before && one.after === after);
  if (known !== undefined) return known.part;
  const added: Parameter = { before, after, part: createPart() };
  part.parameters.push(added);
  part.parameters.sort((a, b) => b.before.length + b.after.length - a.before.length - a.after.length);
  return added.part;
}

/** Each part of the tree is looked at once at most, so this is bounded by the templates, whatever the path. */
function findBelow(part: Part, method: string, segments: readonly string[], at: number): string | undefined {
  const segment = segments[at];
  if (segment === undefined) return endsAt(part, method);
  const literal = part.literals.get(segment);
  const found = literal === undefined ? undefined : findBelow(literal, method, segments, at + 1);
  if (found !== undefined) return found;
  for (const { before, after, part: next } of part.parameters) {
    if (segment.length <= before.length + after.length) continue;
    if (!segment.startsWith(before) || !segment.endsWith(after)) continue;
    const below = findBelow(next, method, segments, at + 1);
    if (below !== undefined) return below;
  }
  return part.rest === undefined ? undefined : endsAt(part.rest, method);
}

function endsAt(part: Part, method: string): string | undefined {
  const own = part.byMethod.get(method) ?? part.any;
  // What answers GET answers HEAD (RFC 9110 §9.3.2), and few descriptions say so.
  return own ?? (method === 'HEAD' ? part.byMethod.get('GET') : undefined);
}

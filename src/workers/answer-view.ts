import type { Answer } from '../model/difference.ts';
import type { ResponseHead } from '../model/exchange.ts';

type Trailers = readonly (readonly [name: string, value: string])[] | undefined;

/** An answer as the comparison sees it, over a head as it was decoded. */
export class AnswerView implements Answer {
  readonly #head: ResponseHead;
  readonly body: readonly Uint8Array[];
  readonly trailers: NonNullable<Trailers>;
  readonly truncated: boolean;

  constructor(head: ResponseHead, body: readonly Uint8Array[], trailers: Trailers, truncated: boolean) {
    this.#head = head;
    this.body = body;
    this.trailers = trailers ?? NONE;
    this.truncated = truncated;
  }

  get status(): number {
    return this.#head.status;
  }

  header(name: string): string | undefined {
    return this.#head.header(name);
  }

  headers(): Iterable<readonly [name: string, value: string]> {
    return this.#head.headers();
  }

  differingFields(other: Answer): readonly string[] | undefined {
    return other instanceof AnswerView ? this.#head.differingFields?.(other.#head) : undefined;
  }
}

const NONE: NonNullable<Trailers> = [];

export function answerOf(
  head: ResponseHead,
  body: readonly Uint8Array[],
  trailers: Trailers,
  truncated = false,
): AnswerView {
  return new AnswerView(head, body, trailers, truncated);
}

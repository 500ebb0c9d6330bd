import { lateModule } from '../../kit/late-module.ts';
import type { ProtobufSettings } from '../../model/compare-settings.ts';
import type { CompareFormat, Content } from '../format.ts';
import { ProtobufComparison } from './comparison.ts';
import type { ProtobufOptions } from './comparison.ts';
import type { MessagePlan, MethodPlan } from './plan.ts';
import type * as MessageTypes from './message-types.ts';
import type { ProtobufTypes } from './message-types.ts';
import { UNKNOWN } from './well-known.ts';

const messageTypes = lateModule<typeof MessageTypes>(import.meta.url, './message-types');

/** Finds out what messages are, and compares bodies that are one: of unary Connect calls, and of plain HTTP. */
export class ProtobufBodies {
  /** Of the pair that is compared now: `POST /shop.v1.Orders/Get`. */
  route = '';
  readonly options: ProtobufOptions;
  readonly #descriptors: string | undefined;
  #types: ProtobufTypes | undefined;
  #read = false;

  /** Names in JSON, by those in .proto files; undefined without descriptors. */
  readonly jsonNames: ((name: string) => ReadonlySet<string> | undefined) | undefined;

  constructor({ descriptors, unset }: ProtobufSettings) {
    this.#descriptors = descriptors;
    this.jsonNames = descriptors === undefined ? undefined : (name) => this.#known()?.jsonNames.get(name);
    this.options = { unset, typeOf: (typeName) => this.#known()?.message(typeName) };
  }

  /** What is known of the method that was called. */
  get method(): MethodPlan | undefined {
    return this.#known()?.methods.get(this.route.slice(this.route.indexOf(' ') + 1));
  }

  readonly compare: CompareFormat = (primary, other, path, context) => {
    const plan = this.#typeOf(primary) ?? (path === 'body' ? this.method?.output : undefined);
    const sizes = primary.bytes.length + other.bytes.length;
    new ProtobufComparison(context, this.options, sizes).messages(
      primary.bytes,
      other.bytes,
      plan ?? UNKNOWN,
      path,
    );
    return undefined;
  };

  /** The type that a Content-Type names: `application/x-protobuf; messageType=shop.v1.Order`. */
  #typeOf(content: Content): MessagePlan | undefined {
    const name = content.parameter('messagetype') ?? content.parameter('proto');
    return name === undefined ? undefined : this.#known()?.message(name);
  }

  /** A large set takes a moment to read, and most policies never meet a message. */
  #known(): ProtobufTypes | undefined {
    if (this.#read || this.#descriptors === undefined) return this.#types;
    this.#read = true;
    try {
      this.#types = new (messageTypes().ProtobufTypes)(Buffer.from(this.#descriptors, 'base64'));
    } catch {
      // The configuration has refused sets that cannot be read; what a newer one knows goes by numbers.
    }
    return this.#types;
  }
}

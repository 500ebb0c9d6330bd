import type { Scalar, ScalarType } from './scalar.ts';

/** What is known of a type of messages. */
export interface MessagePlan {
  /** `shop.v1.Order` */
  readonly typeName: string;
  /** A field, or an extension that is known. */
  field(number: number): FieldPlan | undefined;
  fieldByName(name: string): FieldPlan | undefined;
  /** Numbers of fields of which only the last one on the wire counts. */
  readonly oneofs: readonly (readonly number[])[];
  /** Well-known types that are compared as what they stand for. */
  readonly form: 'plain' | 'timestamp' | 'duration' | 'any';
}

export interface FieldPlan {
  readonly number: number;
  /** As in the .proto file; of extensions the full name in brackets. */
  readonly name: string;
  /** In JSON. */
  readonly jsonName: string;
  /** Whether a message without it is none (proto2). */
  readonly required: boolean;
  readonly list: boolean;
  /** Whether unset can be told from set to the default. */
  readonly explicit: boolean;
  readonly value: ValuePlan;
}

export type ValuePlan =
  | {
      readonly kind: 'scalar';
      readonly type: ScalarType;
      /** Of a field that is not there. */
      readonly initial: Scalar;
      /** Names of an enum's values. */
      readonly names: ReadonlyMap<number, string> | undefined;
    }
  /** `group`: its encoding is that of groups. */
  | { readonly kind: 'message'; readonly group: boolean; readonly message: MessagePlan }
  | { readonly kind: 'map'; readonly key: ScalarType; readonly value: ValuePlan };

/** Types by their names, for what is packed into `google.protobuf.Any`. */
export type PlanOfType = (typeName: string) => MessagePlan | undefined;

/** A method of a service. */
export interface MethodPlan {
  readonly output: MessagePlan;
  readonly input: MessagePlan;
  /** Whether it answers with any number of messages. */
  readonly serverStreaming: boolean;
  /** Its option `idempotency_level` is `NO_SIDE_EFFECTS`. */
  readonly safe: boolean;
}

import type { Buffer } from 'node:buffer';

/** A message without its named fields: the same object when it has none of them; undefined when it cannot be read. */
export type RedactMessage = (message: Buffer) => Buffer | undefined;

/** Knows what Protobuf messages are, and takes named fields out of them. */
export interface MessageRedaction {
  /**
   * @param path of the request: `/shop.v1.Orders/Get`
   * @param side which of the method's messages
   * @param typeName what the Content-Type says instead: `shop.v1.Order`
   * @returns undefined when the type is not known
   */
  of(path: string, side: 'request' | 'answer', typeName: string | undefined): RedactMessage | undefined;
}

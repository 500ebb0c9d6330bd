import type { RequestHead } from '../model/exchange.ts';
import { RequestDecoder } from '../wire/http1/decoder.ts';
import { EncodeError, encodeRequestHead } from '../wire/http1/encode.ts';
import { Http1RequestHead } from '../wire/http1/head.ts';

/** Fields that the encoder, or the copy, writes itself. */
const OWN = new Set(['host', 'content-length', 'transfer-encoding']);

/**
 * A head in HTTP/1.1, known to be well-formed. One of another protocol, or from a recording, is written as HTTP/1.1 and
 * read back by the decoder, so that it passes every check that a head from the wire passes.
 *
 * @returns undefined when that is not possible
 */
export function http1Head(head: RequestHead): Http1RequestHead | undefined {
  if (head instanceof Http1RequestHead) return head;
  let decoded: Http1RequestHead | undefined;
  const decoder = new RequestDecoder({
    head: (read) => {
      decoded = read;
    },
    body: () => {},
    bodyGap: () => {},
    end: () => {},
    tunnel: () => {},
    broken: () => {},
  });
  const fields = [...head.headers()].filter(
    ([name]) => !OWN.has(name.toLowerCase()) && !name.startsWith(':'),
  );
  try {
    decoder.write(encodeRequestHead(head.method, head.target, [['Host', head.authority], ...fields], 'none'));
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
  }
  return decoded;
}

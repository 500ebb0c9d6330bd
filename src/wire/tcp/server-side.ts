import { sniffClient } from '../sniff.ts';

const FIRST_CHARS = 64;
/** A request line whose method and target look like those of real ones: text in mid-stream must not pass for it. */
const REQUEST = /^(?:[A-Z][A-Z-]{1,30} (?:\/|\*|https?:\/\/)|CONNECT \S)/;

/** Who sends these first bytes, as far as they tell: a request, an HTTP/2 preface or a ClientHello, or an HTTP/1 answer. */
export function senderOf(bytes: Uint8Array): 'client' | 'server' | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, FIRST_CHARS));
  if (text.startsWith('HTTP/1.')) return 'server';
  if (REQUEST.test(text)) return 'client';
  const protocol = sniffClient(bytes);
  return protocol === 'http2' || protocol === 'tls' ? 'client' : undefined;
}

import { sniffClient } from '../sniff.ts';

const ANSWER = Buffer.from('HTTP/1.', 'latin1');

/** Who sends these first bytes, as far as they tell: a request, an HTTP/2 preface or a ClientHello, or an HTTP/1 answer. */
export function senderOf(bytes: Uint8Array): 'client' | 'server' | undefined {
  if (startsAnswer(bytes)) return 'server';
  const protocol = sniffClient(bytes.length > 64 ? bytes.subarray(0, 64) : bytes);
  return protocol === 'http1' || protocol === 'http2' || protocol === 'tls' ? 'client' : undefined;
}

function startsAnswer(bytes: Uint8Array): boolean {
  if (bytes.length < ANSWER.length) return false;
  for (let i = 0; i < ANSWER.length; i++) if (bytes[i] !== ANSWER[i]) return false;
  return true;
}

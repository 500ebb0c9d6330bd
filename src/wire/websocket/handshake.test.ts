import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptOf,
  agreedExtensions,
  asksForWebSocket,
  offeredDeflate,
  opensWebSocket,
  wantsWebSocket,
} from './handshake.ts';

function head(fields: Readonly<Record<string, string>>, status = 101, method = 'GET') {
  return {
    status,
    method,
    header: (name: string) => fields[name],
    headers: () => Object.entries(fields),
  };
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

test('the accept value is that of RFC 6455 §1.3', () => {
  equal(acceptOf(KEY), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('only a proper request asks, and only its own accept value opens', () => {
  const asking = { upgrade: 'WebSocket', 'sec-websocket-version': '13', 'sec-websocket-key': KEY };
  equal(asksForWebSocket(head(asking)), true);
  equal(asksForWebSocket(head({ ...asking, 'sec-websocket-version': '8' })), false);
  equal(asksForWebSocket(head({ ...asking, 'sec-websocket-key': 'short' })), false);
  equal(asksForWebSocket(head(asking, 101, 'POST')), false);
  const answer = { upgrade: 'websocket', 'sec-websocket-accept': acceptOf(KEY) };
  equal(opensWebSocket(head(answer), KEY), true);
  equal(opensWebSocket(head(answer, 200), KEY), false);
  equal(opensWebSocket(head({ ...answer, 'sec-websocket-accept': 'x' }), KEY), false);
});

test('over HTTP/2 the protocol is named, and there is no key (RFC 8441 §5)', () => {
  const asking = { ...head({ 'sec-websocket-version': '13' }), protocol: 'websocket' };
  const old = { ...head({ 'sec-websocket-version': '8' }), protocol: 'websocket' };
  const other = { ...head({ 'sec-websocket-version': '13' }), protocol: 'connect-udp' };
  deepEqual([asking, old, other].map(asksForWebSocket), [true, false, false]);
  deepEqual([asking, old, other].map(wantsWebSocket), [true, true, false]);
});

test('reads which sides refer to their earlier messages, and admits what it does not know', () => {
  const agreed = (value: string) => agreedExtensions(head({ 'sec-websocket-extensions': value }));
  equal(agreedExtensions(head({})), 'none');
  deepEqual(agreed('permessage-deflate'), { clientTakeover: true, serverTakeover: true });
  deepEqual(agreed('permessage-deflate; server_no_context_takeover; client_max_window_bits="12"'), {
    clientTakeover: true,
    serverTakeover: false,
  });
  for (const value of [
    'x-own',
    'permessage-deflate, x-own',
    'permessage-deflate; own',
    'permessage-deflate; server_max_window_bits=16',
  ])
    equal(agreed(value), 'unknown', value);
});

test('offers what is understood of what was offered', () => {
  const value = 'x-own, permessage-deflate; client_max_window_bits, permessage-deflate; own=1';
  equal(
    offeredDeflate(head({ 'sec-websocket-extensions': value })),
    'permessage-deflate; client_max_window_bits',
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { serverNameOf } from './server-name.ts';

/** What Node's own client says first. */
async function clientHello(options: { servername?: string; maxVersion?: 'TLSv1.2' }): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({ read() {}, write: (chunk: Buffer, _encoding, done) => (resolve(chunk), done()) });
  const socket = connect({ socket: wire, ...options });
  socket.on('error', () => {});
  const hello = await promise;
  socket.destroy();
  return hello;
}

test('reads the name that a client asks for', async () => {
  assert.equal(serverNameOf(await clientHello({ servername: 'Shop.example' })), 'shop.example');
  assert.equal(
    serverNameOf(await clientHello({ servername: 'shop.example', maxVersion: 'TLSv1.2' })),
    'shop.example',
  );
  assert.equal(serverNameOf(await clientHello({})), undefined);
});

test('is no crash, and no other name, wherever the bytes end or lie', async () => {
  const hello = await clientHello({ servername: 'shop.example' });
  for (let length = 0; length < hello.length; length++) {
    const name = serverNameOf(hello.subarray(0, length));
    assert.ok(name === undefined || name === 'shop.example');
  }
  for (let at = 0; at < hello.length; at++) {
    const damaged = Buffer.from(hello);
    damaged[at] = 0xff;
    assert.ok((serverNameOf(damaged) ?? '').length <= 255);
  }
  assert.equal(serverNameOf(Buffer.from('GET / HTTP/1.1\r\n'.repeat(10))), undefined);
});

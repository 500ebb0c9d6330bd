// A child of memory.ts: opens many keep-alive connections, asks once on each, and keeps them open. A line on standard
// input asks again on every one; each time all have answered it prints how many.
// usage: node hold.ts PORT CONNECTIONS PATH
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HEADERS } from './scenarios.ts';

/** Connections being opened at once; more would overflow a listener's queue. */
const AT_ONCE = 200;

const [port = '', count = '', path = ''] = process.argv.slice(2);
const fields = Object.entries(HEADERS).map(([name, value]) => `${name}: ${value}\r\n`);
const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields.join('')}\r\n`;
const sockets: Socket[] = [];

while (sockets.length < Number(count)) {
  const batch = Array.from({ length: Math.min(AT_ONCE, Number(count) - sockets.length) }, () => opened());
  sockets.push(...(await Promise.all(batch)));
}
process.stdout.write(`${sockets.length}\n`);

process.stdin.on('data', async () => {
  let answered = 0;
  for (let from = 0; from < sockets.length; from += AT_ONCE) {
    const answers = sockets.slice(from, from + AT_ONCE).map((socket) => ask(socket));
    answered += (await Promise.all(answers)).filter(Boolean).length;
  }
  process.stdout.write(`${answered}\n`);
});
process.stdin.on('end', () => process.exit());

async function opened(): Promise<Socket> {
  const socket = connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {});
  if (!(await ask(socket))) throw new Error('a connection was closed instead of answered');
  return socket;
}

/** @returns whether an answer with status 200 came back; small answers come in one piece */
async function ask(socket: Socket): Promise<boolean> {
  if (socket.destroyed) return false;
  socket.write(request);
  const [bytes] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
  return Buffer.isBuffer(bytes) && bytes.toString('latin1').startsWith('HTTP/1.1 200');
}

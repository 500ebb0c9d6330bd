import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import { exampleSummary } from '../../test/fixtures/status.ts';
import { exampleExchange, exampleVerdict } from '../../test/fixtures/verdict.ts';
import { UserError } from '../kit/errors.ts';
import { exchangeJson } from '../model/recorded-json.ts';
import { adminClient } from './admin-client.ts';

/** A server that answers as the test says; disposing it closes everything. */
async function startServer(answer: RequestListener, path?: string) {
  const server = createServer(answer);
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  return {
    url: path === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${path}`,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function json(value: unknown, status = 200): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}

async function refusalOf(answer: RequestListener, limits: object = {}): Promise<UserError> {
  using server = await startServer(answer);
  const client = adminClient({ url: server.url, token: undefined, ...limits });
  try {
    await client.summary();
  } catch (error) {
    ok(error instanceof UserError);
    return error;
  }
  throw new Error('it was not refused');
}

test('asks over TCP with the token, and reads what comes', async () => {
  const asked: string[] = [];
  using server = await startServer((request, response) => {
    asked.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`);
    const answers: Readonly<Record<string, unknown>> = {
      '/api/v1/policies/a%2Fb/verdict': exampleVerdict(),
      '/api/v1/exchanges/e-1': [exchangeJson(exampleExchange())],
    };
    const found = answers[request.url ?? ''] ?? { items: [], next: null };
    json(found)(request, response);
  });
  const client = adminClient({ url: server.url.replace('http://', ''), token: 'secret' });
  equal((await client.verdict('a/b'))?.policy, 'orders-v2');
  const [exchange] = await client.exchange('e-1');
  equal(
    Buffer.from(exchange?.others[0]?.answer?.body ?? [])
      .toString()
      .slice(0, 8),
    '{"id":7,',
  );
  equal(exchange?.others[1]?.answer, undefined);
  deepEqual(await client.exchanges({ finding: 'f', limit: 2 }), { items: [], next: undefined });
  deepEqual(asked, [
    'Bearer secret /api/v1/policies/a%2Fb/verdict',
    'Bearer secret /api/v1/exchanges/e-1',
    'Bearer secret /api/v1/exchanges?finding=f&limit=2',
  ]);
});

test('asks over a Unix socket', async () => {
  using folder = temporaryFolder();
  using server = await startServer(json(exampleSummary), folder.file('admin.sock'));
  equal((await adminClient({ url: server.url, token: undefined }).summary()).exchanges, 119);
});

test('a policy without a verdict is no error', async () => {
  using server = await startServer(json({ detail: 'There is no verdict yet.' }, 404));
  const client = adminClient({ url: server.url, token: undefined });
  equal(await client.verdict('x'), undefined);
  await rejects(client.exchange('x'), /answered 404: There is no verdict yet/);
});

test('says what is wrong: a token that is missing, a stranger, an answer that is too long or too late', async () => {
  const missing = await refusalOf(json({ detail: 'Send the token.\u001B[31m' }, 401));
  match(missing.message, /^the admin API answered 401: Send the token\.\\x1b\[31m$/);
  match(missing.hint ?? '', /--token-file/);
  match((await refusalOf((_, response) => response.end('<html>'))).message, /no admin API of Understudy/);
  match((await refusalOf(json(null, 500))).message, /^the admin API answered 500$/);
  match(
    (await refusalOf((_, response) => response.end('x'.repeat(2000)), { answerBytes: 1000 })).message,
    /longer than 1000 bytes/,
  );
  match((await refusalOf(() => {}, { timeoutMs: 50 })).message, /did not answer within 50 ms/);
  match((await refusalOf((request) => request.socket.destroy())).message, /cannot be asked/);
});

test('an answer that does not end in time is given up', async () => {
  const late = await refusalOf((_, response) => response.write('{'), { timeoutMs: 50 });
  match(late.message, /did not answer within 50 ms/);
});

test('nobody there is said with the address', async () => {
  using folder = temporaryFolder();
  const url = `unix:${folder.file('none.sock')}`;
  await rejects(
    adminClient({ url, token: undefined }).summary(),
    (error) => error instanceof UserError && error.where === url && error.hint !== undefined,
  );
});

test('a verdict of another version is not read', async () => {
  using server = await startServer(json({ ...exampleVerdict(), version: 2 }));
  await rejects(adminClient({ url: server.url, token: undefined }).verdict('x'), /verdicts of version 2/);
});

test('events come as they happen, those that cannot be read are passed over, and the end is told', async () => {
  using server = await startServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\nevent: x\ndata: {"type":"dra');
    response.end('ining","at":1}\n\ndata: no json\n\ndata: null\r\n\r\ndata: {"type":"draining","at":2}\n\n');
  });
  const client = adminClient({ url: server.url, token: undefined });
  const seen: number[] = [];
  await rejects(async () => {
    for await (const event of client.events(new AbortController().signal)) seen.push(event.at);
  }, /closed the connection/);
  deepEqual(seen, [1, 2]);
});

test('events end without an error when they are no longer wanted', async () => {
  using server = await startServer((_, response) => {
    response.writeHead(200);
    response.write('data: {"type":"draining","at":1}\n\n');
  });
  const done = new AbortController();
  for await (const event of adminClient({ url: server.url, token: undefined }).events(done.signal)) {
    equal(event.type, 'draining');
    done.abort();
  }
});

for (const url of ['', 'ftp://x', 'http://x/path', 'http://a:b@x', 'unix:', 'http://', 'a b']) {
  test(`"${url}" is no address`, () => {
    throws(
      () => adminClient({ url, token: undefined }),
      (error) => error instanceof UserError && error.where === '--admin',
    );
  });
}

test('a token that would break the header is refused', () => {
  throws(
    () => adminClient({ url: '127.0.0.1:1', token: 'a\r\nx: y' }),
    /characters that a header cannot hold/,
  );
});

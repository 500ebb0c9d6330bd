import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestHead, ResponseHead } from '../../src/model/exchange.ts';
import { RequestDecoder, ResponseDecoder } from '../../src/wire/http1/decoder.ts';
import type { MessageHandler } from '../../src/wire/http1/decoder.ts';

// `wire` knows nothing of `model`: that its heads are the model's heads is checked here, by the compiler.
function collect<Head>(heads: Head[]): MessageHandler<Head> {
  return {
    head: (head) => void heads.push(head),
    body: () => {},
    bodyGap: () => {},
    end: () => {},
    tunnel: () => {},
    broken: assert.fail,
  };
}

test("the decoder's heads are the model's heads", () => {
  const requests: RequestHead[] = [];
  const responses: ResponseHead[] = [];
  new RequestDecoder(collect(requests)).write(Buffer.from('GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n'));
  new ResponseDecoder(collect(responses), () => 'GET').write(
    Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  );
  const [request] = requests;
  assert.deepEqual(
    [
      request?.method,
      request?.target,
      request?.path,
      request?.query,
      request?.authority,
      request?.header('host'),
    ],
    ['GET', '/a?b', '/a', 'b', 'h', 'h'],
  );
  assert.deepEqual([responses[0]?.status, responses[0]?.header('content-length')], [200, '0']);
});

import { deepEqual, equal, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Server, ServerCredentials, credentials, makeClientConstructor, status } from '@grpc/grpc-js';
import type { ServiceDefinition, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { eventually } from '../fixtures/eventually.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { oneTap, startUnderstudy } from '../fixtures/understudy.ts';
import { comparedBy, quickGate, verdictOf } from '../fixtures/versions.ts';

const ORDERS = `syntax = "proto3";
package shop.v1;
message GetRequest { string id = 1; }
message Order { string id = 1; repeated Item items = 2; }
message Item { string sku = 1; double price = 2; }
service Orders {
  rpc Get(GetRequest) returns (Order) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Cancel(GetRequest) returns (Order) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc Place(Order) returns (Order);
}
`;
const CALLS = 100;

const same = (bytes: Buffer) => bytes;
const method = (name: string) => ({
  path: `/shop.v1.Orders/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
const SERVICE = {
  Get: method('Get'),
  Cancel: method('Cancel'),
  Place: method('Place'),
} satisfies ServiceDefinition;

type Handler = (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => void;

function order(price: number): Buffer {
  const item = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string('sku')
    .tag(2, WireType.Bit64)
    .double(price);
  const message = new BinaryWriter().tag(1, WireType.LengthDelimited).string('order');
  return Buffer.from(message.tag(2, WireType.LengthDelimited).bytes(item.finish()).finish());
}

interface GrpcVersion extends AsyncDisposable {
  readonly port: number;
  readonly calls: Record<keyof typeof SERVICE, number>;
}

async function startGrpc(price: number, cancels: boolean): Promise<GrpcVersion> {
  const calls = { Get: 0, Cancel: 0, Place: 0 };
  const answering =
    (name: keyof typeof SERVICE): Handler =>
    (_call, reply) => {
      calls[name]++;
      if (name === 'Cancel' && !cancels) reply({ code: status.UNIMPLEMENTED, details: 'not yet' });
      else reply(null, order(price));
    };
  const server = new Server();
  server.addService(SERVICE, {
    Get: answering('Get'),
    Cancel: answering('Cancel'),
    Place: answering('Place'),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    calls,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
      await Promise.resolve();
    },
  };
}

test('calls of grpc-js are copied where they change nothing, and compared by the names of their fields', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'orders.proto'), ORDERS);
  await using primary = await startGrpc(1, true);
  await using mirror = await startGrpc(2, false);
  await using understudy = await startUnderstudy({
    config: oneTap(`h2c://127.0.0.1:${primary.port}`, `h2c://127.0.0.1:${mirror.port}`, {
      policy: {
        percent: 100,
        writes: 'hold',
        matches: [{ grpc: { service: 'shop.v1.Orders' } }],
        compare: { protobuf: { protos: [folder.path] }, gate: quickGate() },
      },
    }),
  });
  const Client = makeClientConstructor(SERVICE, 'Orders');
  const client = new Client(`127.0.0.1:${await understudy.port()}`, credentials.createInsecure());
  const call = (name: keyof typeof SERVICE) =>
    new Promise<Buffer>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = SERVICE[name];
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, order(3), (error, answer) =>
        error === null && answer !== undefined ? resolve(answer) : reject(error ?? new Error('no answer')),
      );
    });
  for (let i = 0; i < CALLS; i++) {
    ok((await call('Get')).equals(order(1)));
    await call('Cancel');
    await call('Place');
  }
  await eventually('all copies are compared', async () => (await comparedBy(understudy)) >= CALLS * 2);
  client.close();
  const { mirrors } = await verdictOf(understudy);
  const findings = mirrors.flatMap((judged) => judged.findings);
  deepEqual(findings.map(({ route, kind, path, risk }) => `${route} ${kind} ${path} ${risk}`).toSorted(), [
    'POST /shop.v1.Orders/Cancel status grpc.status high',
    'POST /shop.v1.Orders/Get value body.items[].price medium',
  ]);
  deepEqual(mirror.calls, { Get: CALLS, Cancel: CALLS, Place: 0 });
  equal(primary.calls.Place, CALLS);
});

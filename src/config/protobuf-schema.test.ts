import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { joinDescriptors, joinServedFiles, readProtos } from './protobuf-descriptors.ts';
import { protobufSchema } from './protobuf-schema.ts';
import { diskSurroundings } from './surroundings.ts';
import { clientTlsSchema } from './tls-schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'understudy-protos-'));
after(() => rmSync(folder, { recursive: true }));
const surroundings = diskSurroundings(folder, {});
const schema = protobufSchema(surroundings, clientTlsSchema(surroundings));

function write(name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

write(
  'proto/shop/orders.proto',
  `// A comment; import "not/this.proto";
syntax = "proto3";
package shop;
import "shop/items.proto";
import "google/protobuf/timestamp.proto";
import "google/api/annotations.proto";
message Order {
  string order_id = 1;
  repeated Item items = 2;
  map<string, Item> by_name = 3;
  optional int32 discount = 4;
  oneof wish { string note = 5; Item gift = 6; }
  google.protobuf.Timestamp created = 7;
  State state = 8;
  repeated int32 plain = 9 [packed = false];
  enum State { OPEN = 0; PAID = 1; }
  message Inner { State state = 1; shop.Item item = 2; }
  Inner inner = 10;
}
service Orders {
  rpc Get(Order) returns (Order) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (google.api.http) = { get: "/v1/orders" };
  }
  rpc Watch(stream Order) returns (stream .shop.Item);
}
`,
);
write(
  'proto/shop/items.proto',
  `syntax = "proto2";
package shop;
message Item {
  required string sku = 1 [default = "none"];
  optional group Part = 2 { optional int32 size = 1; }
  extensions 100 to 199;
}
extend Item { optional int32 weight = 100; }
`,
);
write('alone/edition.proto', 'edition = "2023"; package a; message M { int32 x = 1; }');
write('broken/broken.proto', 'syntax = "proto3"; message { }');
write('unknown/unknown.proto', 'syntax = "proto3"; message M { Missing x = 1; }');
write('empty/readme.txt', '');
write('no.binpb', Buffer.from([0x0a, 0x05, 0x01]));

test('makes whole descriptors of .proto files', () => {
  const { bytes, methods, safeMethods } = joinDescriptors(readProtos(surroundings, 'proto'));
  deepEqual(methods, ['/shop.Orders/Get', '/shop.Orders/Watch']);
  deepEqual(safeMethods, ['/shop.Orders/Get']);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  const order = registry.getMessage('shop.Order');
  const item = registry.getMessage('shop.Item');
  ok(order !== undefined && item !== undefined);
  deepEqual(
    order.fields.map((field) => `${field.number} ${field.name} ${field.jsonName} ${field.fieldKind}`),
    [
      '1 order_id orderId scalar',
      '2 items items list',
      '3 by_name byName map',
      '4 discount discount scalar',
      '5 note note scalar',
      '6 gift gift message',
      '7 created created message',
      '8 state state enum',
      '9 plain plain list',
      '10 inner inner message',
    ],
  );
  deepEqual(
    order.oneofs.map(({ name }) => name),
    ['wish'],
  );
  equal(order.fields[6]?.message?.typeName, 'google.protobuf.Timestamp');
  equal(item.fields[1]?.fieldKind === 'message' && item.fields[1].delimitedEncoding, true);
  equal(registry.getExtensionFor(item, 100)?.typeName, 'shop.weight');
  equal(registry.getService('shop.Orders')?.methods[1]?.methodKind, 'bidi_streaming');
});

test('takes single files, and descriptor sets in any order', () => {
  const { bytes } = joinDescriptors(readProtos(surroundings, 'proto'));
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  set.file.reverse();
  write('orders.binpb', toBinary(FileDescriptorSetSchema, set));
  const { settings, descriptors } = schema.parse({ descriptors: ['orders.binpb'], unset: 'default' });
  deepEqual(descriptors?.methods, ['/shop.Orders/Get', '/shop.Orders/Watch']);
  deepEqual([settings.unset, descriptors?.safeMethods], ['default', ['/shop.Orders/Get']]);
  deepEqual(descriptors?.bytes, bytes);
  deepEqual(schema.parse({ protos: ['proto/shop/items.proto'] }).descriptors?.methods, []);
});

function asked(written: unknown) {
  return schema.parse({ reflection: written }).settings.reflection;
}

test('a server is asked for descriptors, the primary or another one', () => {
  const bounds = { files: 1000, bytes: 16 * 2 ** 20, timeoutMs: 10_000, refreshMs: 600_000 };
  deepEqual(asked('primary'), { from: 'primary', ...bounds });
  deepEqual(asked({ files: 10, refresh: '1m' }), {
    ...bounds,
    from: 'primary',
    files: 10,
    refreshMs: 60_000,
  });
  const { from } = asked('https://orders:443') ?? {};
  equal(typeof from === 'object' && from.tls?.verify, true);
});

test('of files that a server gives, those without what they import are left out', () => {
  const { file } = fromBinary(
    FileDescriptorSetSchema,
    joinDescriptors(readProtos(surroundings, 'proto')).bytes,
  );
  const bytes = (wanted: (name: string) => boolean) =>
    file.filter(({ name }) => wanted(name)).map((one) => toBinary(FileDescriptorProtoSchema, one));
  const all = joinServedFiles(bytes(() => true).toReversed());
  deepEqual(all.descriptors.methods, ['/shop.Orders/Get', '/shop.Orders/Watch']);
  deepEqual(all, joinServedFiles(bytes(() => true)));
  const without = joinServedFiles(bytes((name) => name !== 'shop/items.proto'));
  deepEqual([without.descriptors.methods, without.leftOut], [[], ['shop/orders.proto']]);
});

test('without anything nothing is known', () =>
  deepEqual(schema.parse({}), {
    settings: { descriptors: undefined, unset: 'differs', safeMethods: [], reflection: undefined },
    descriptors: undefined,
  }));

const REFUSED: readonly (readonly [written: object, message: RegExp])[] = [
  [{ descriptors: ['no.binpb'] }, /no\.binpb is no descriptor set/],
  [{ descriptors: ['missing.binpb'] }, /there is no such file/],
  [{ protos: ['alone'] }, /edition\.proto is of the edition 2023[\s\S]*buf build/],
  [{ protos: ['broken'] }, /broken\.proto cannot be read/],
  [{ protos: ['unknown'] }, /unknown\.proto: the type Missing is not known/],
  [{ protos: ['empty'] }, /there is no \.proto file/],
  [{ protos: ['missing'] }, /there is no such file/],
  [{ reflection: true }, /primary, a URL or a section/],
  [{ reflection: 'primary', protos: ['proto'] }, /keep one/],
];
for (const [written, message] of REFUSED) {
  test(`refuses ${JSON.stringify(written)}`, () => {
    const { error } = schema.safeParse(written);
    match(error?.issues.map((issue) => issue.message).join('\n') ?? '', message);
  });
}

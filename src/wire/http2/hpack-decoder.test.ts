import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackWriter } from '../../../test/fixtures/hpack-writer.ts';
import { HPACK_LIMITS, HpackDecoder } from './hpack-decoder.ts';
import type { HeaderList } from './hpack-decoder.ts';
import { STATIC_TABLE } from './static-table.ts';
import type { Field } from './static-table.ts';

/** RFC 7541, Appendix C: blocks of one connection each, what they say and how large the table is then. */
interface Example {
  readonly name: string;
  readonly blocks: readonly (readonly [hex: string, fields: string, tableBytes: number])[];
}

const REQUEST_1 = ':method: GET\n:scheme: http\n:path: /\n:authority: www.example.com';
const REQUEST_2 = `${REQUEST_1}\ncache-control: no-cache`;
const REQUEST_3 =
  ':method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value';
const DATE_21 = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const LOCATION = 'location: https://www.example.com';
const RESPONSE_1 = `:status: 302\ncache-control: private\n${DATE_21}\n${LOCATION}`;
const RESPONSE_2 = RESPONSE_1.replace('302', '307');
const RESPONSE_3 = [
  ':status: 200',
  'cache-control: private',
  DATE_21.replace('13:21', '13:22'),
  LOCATION,
  'content-encoding: gzip',
  'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
].join('\n');
/** The responses of the appendix are for a table of 256 octets; this update says so. */
const TABLE_256 = '3fe101';

const EXAMPLES: readonly Example[] = [
  {
    name: 'C.2.1 literal with indexing',
    blocks: [['400a637573746f6d2d6b65790d637573746f6d2d686561646572', 'custom-key: custom-header', 55]],
  },
  {
    name: 'C.2.2 literal without indexing',
    blocks: [['040c2f73616d706c652f70617468', ':path: /sample/path', 0]],
  },
  {
    name: 'C.2.3 literal never indexed',
    blocks: [['100870617373776f726406736563726574', 'password: secret', 0]],
  },
  { name: 'C.2.4 indexed', blocks: [['82', ':method: GET', 0]] },
  {
    name: 'C.3 requests without Huffman coding',
    blocks: [
      ['828684410f7777772e6578616d706c652e636f6d', REQUEST_1, 57],
      ['828684be58086e6f2d6361636865', REQUEST_2, 110],
      ['828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565', REQUEST_3, 164],
    ],
  },
  {
    name: 'C.4 requests with Huffman coding',
    blocks: [
      ['828684418cf1e3c2e5f23a6ba0ab90f4ff', REQUEST_1, 57],
      ['828684be5886a8eb10649cbf', REQUEST_2, 110],
      ['828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', REQUEST_3, 164],
    ],
  },
  {
    name: 'C.5 responses without Huffman coding, with eviction',
    blocks: [
      [
        `${TABLE_256}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e` +
          '1768747470733a2f2f7777772e6578616d706c652e636f6d',
        RESPONSE_1,
        222,
      ],
      ['4803333037c1c0bf', RESPONSE_2, 222],
      [
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b' +
          '48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
        RESPONSE_3,
        215,
      ],
    ],
  },
  {
    name: 'C.6 responses with Huffman coding, with eviction',
    blocks: [
      [
        `${TABLE_256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97` +
          'c8e9ae82ae43d3',
        RESPONSE_1,
        222,
      ],
      ['4883640effc1c0bf', RESPONSE_2, 222],
      [
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5' +
          'af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        RESPONSE_3,
        215,
      ],
    ],
  },
];

function decoded(list: HeaderList): string {
  return list.kind === 'fields'
    ? list.fields.map(([name, value]) => `${name}: ${value}`).join('\n')
    : list.kind;
}

for (const { name, blocks } of EXAMPLES) {
  test(`decodes RFC 7541 ${name}`, () => {
    const hpack = new HpackDecoder();
    for (const [hex, fields, tableBytes] of blocks) {
      assert.equal(decoded(hpack.decode(Buffer.from(hex, 'hex'))), fields);
      assert.equal(hpack.tableBytes, tableBytes);
    }
  });
}

test('knows every entry of the static table by its index', () => {
  const hpack = new HpackDecoder();
  assert.equal(STATIC_TABLE.length, 61);
  for (const [at, [name, value]] of STATIC_TABLE.entries())
    assert.equal(decoded(hpack.decode(Uint8Array.of(0x80 | (at + 1)))), `${name}: ${value}`);
});

const MALFORMED: readonly (readonly [name: string, hex: string])[] = [
  ['index 0', '80'],
  ['an index past both tables', 'be'],
  ['an index without its end', 'ff'],
  ['an index that is absurd', 'ffffffffffffff7f'],
  ['a name by an index past both tables', '7f0100'],
  ['a string longer than the block', '400a6375'],
  ['a string without its length', '40'],
  ['a literal without its value', '400161'],
  ['Huffman padding of eight bits', '40016182fcff'],
  ['Huffman padding that is not ones', '40016181'.concat('f0')],
  ['the end of string symbol within a string', '40016184ffffffff'],
  ['a size update behind a field', '8220'],
  ['a size update past what was agreed', '3fe21f'],
];

for (const [name, hex] of MALFORMED) {
  test(`refuses ${name}`, () => {
    assert.equal(new HpackDecoder().decode(Buffer.from(hex, 'hex')).kind, 'malformed');
  });
}

test('follows a table that both sides have agreed to enlarge, as far as its limit', () => {
  const hpack = new HpackDecoder();
  // 8192, which may be said only once it is allowed.
  const update = Buffer.from('3fe13f', 'hex');
  assert.equal(hpack.decode(update).kind, 'malformed');
  hpack.allow(8192);
  assert.equal(hpack.decode(update).kind, 'fields');
  hpack.allow(2 ** 32 - 1);
  // 65537: one more than the limit.
  assert.equal(hpack.decode(Buffer.from('3fe2ff03', 'hex')).kind, 'table_too_large');
});

test('a size update evicts, and so does 0', () => {
  const hpack = new HpackDecoder();
  hpack.decode(Buffer.from('400161016240016301644001650166', 'hex'));
  assert.equal(hpack.tableBytes, 102);
  assert.equal(decoded(hpack.decode(Buffer.from('3f25be', 'hex'))), 'e: f');
  assert.equal(hpack.tableBytes, 68);
  assert.equal(hpack.decode(Buffer.from('20', 'hex')).kind, 'fields');
  assert.equal(hpack.tableBytes, 0);
  assert.equal(hpack.decode(Buffer.from('be', 'hex')).kind, 'malformed');
});

test('an entry larger than the table empties it and is no entry', () => {
  const hpack = new HpackDecoder();
  hpack.decode(Buffer.from('4001610162', 'hex'));
  const value = Buffer.alloc(4096, 'x');
  const block = Buffer.concat([Buffer.from('4001617f811f', 'hex'), value]);
  assert.equal(decoded(hpack.decode(block)), `a: ${value.toString()}`);
  assert.equal(hpack.tableBytes, 0);
});

test('an index means the same after thousands of evictions', () => {
  const hpack = new HpackDecoder();
  for (let i = 0; i < 5000; i++) {
    const text = String(i).padStart(4, '0');
    hpack.decode(Buffer.from(`\x40\x04${text}\x01v`, 'latin1'));
    assert.ok(hpack.tableBytes <= 4096);
    assert.equal(decoded(hpack.decode(Uint8Array.of(0xbe))), `${text}: v`);
  }
  // 110 entries of 37 octets fit.
  assert.equal(decoded(hpack.decode(Uint8Array.of(0xff, 61 + 110 - 127))), '4890: v');
  assert.equal(hpack.decode(Uint8Array.of(0xff, 61 + 111 - 127)).kind, 'malformed');
});

test('a list past the limit is not handed out, and the table stays right', () => {
  const hpack = new HpackDecoder();
  const large = Buffer.alloc(4000, 'x');
  hpack.decode(Buffer.concat([Buffer.from('4001617fa11e', 'hex'), large]));
  // A bomb: each octet stands for 4 KB.
  const bomb = Buffer.concat([Buffer.alloc(65_000, 0xbe), Buffer.from('4001620163', 'hex')]);
  assert.equal(hpack.decode(bomb).kind, 'too_large');
  assert.equal(decoded(hpack.decode(Uint8Array.of(0xbe))), 'b: c');
  assert.equal(new HpackDecoder().decode(Buffer.alloc(HPACK_LIMITS.fields, 0x82)).kind, 'fields');
  assert.equal(new HpackDecoder().decode(Buffer.alloc(HPACK_LIMITS.fields + 1, 0x82)).kind, 'too_large');
});

test('fields are what they were when the block is written over', () => {
  const block = Buffer.from('400a637573746f6d2d6b65790d637573746f6d2d686561646572', 'hex');
  const hpack = new HpackDecoder();
  const list = hpack.decode(block);
  block.fill(0);
  assert.equal(decoded(list), 'custom-key: custom-header');
  const expected: Field = ['custom-key', 'custom-header'];
  assert.deepEqual(hpack.decode(Uint8Array.of(0xbe)), { kind: 'fields', fields: [expected] });
});

const block = (hex: string) => Buffer.from(hex, 'hex');

test('after blocks were lost, what came later is known by its index, and what was there before is unknown', () => {
  const hpack = new HpackDecoder();
  hpack.decode(block('400161013140016201324001630133'));
  hpack.forget();
  assert.equal(decoded(hpack.decode(block('be'))), 'unknown');
  assert.equal(decoded(hpack.decode(block('40016401345d0178'))), 'd: 4\ncontent-location: x');
  assert.equal(decoded(hpack.decode(block('bebf'))), 'content-location: x\nd: 4');
  assert.equal(decoded(hpack.decode(block('c0'))), 'unknown');
  assert.equal(hpack.partial, true);
});

test('a name that was lost makes an unknown entry, which has its place all the same', () => {
  const hpack = new HpackDecoder();
  hpack.forget();
  // A value for the name of a lost entry, then a field of its own.
  assert.equal(decoded(hpack.decode(block('7e013140016101324001620133'))), 'unknown');
  assert.equal(decoded(hpack.decode(block('bebf'))), 'b: 3\na: 2');
  assert.equal(decoded(hpack.decode(block('c0'))), 'unknown');
  assert.equal(decoded(hpack.decode(block('0f310134'))), 'unknown');
});

test('a table that is emptied is known again', () => {
  const hpack = new HpackDecoder();
  hpack.forget();
  assert.equal(decoded(hpack.decode(block('203fe11f4001610131'))), 'a: 1');
  assert.deepEqual([hpack.partial, decoded(hpack.decode(block('bf')))], [false, 'malformed']);
});

test('a size that nobody has seen being agreed on is followed after a loss, as far as the limit', () => {
  const hpack = new HpackDecoder();
  hpack.forget();
  // 1 MiB.
  assert.equal(decoded(hpack.decode(block('3fe1ff3f4001610131'))), 'a: 1');
  assert.equal(decoded(hpack.decode(block('be'))), 'a: 1');
});

for (const [name, hex] of MALFORMED) {
  if (/past|Huffman|symbol/.test(name)) continue;
  test(`refuses ${name} also after a loss, and when it is passed over`, () => {
    const hpack = new HpackDecoder();
    hpack.forget();
    assert.equal(hpack.decode(block(hex)).kind, 'malformed');
    assert.equal(new HpackDecoder().skim(block(hex)).kind, 'malformed');
  });
}

test('blocks that are passed over do to the table what they do when they are read', () => {
  const [writer, reads, skims] = [new HpackWriter(300), new HpackDecoder(), new HpackDecoder()];
  for (const hpack of [reads, skims]) hpack.decode(writer.resize(300));
  for (let round = 0; round < 400; round++) {
    const fields: Field[] = Array.from({ length: 5 }, (_, at) => [
      `n${(round * at) % 7}`,
      `v${(round * 3 + at) % 11}`,
    ]);
    const { bytes } = writer.block(fields, ([, value]) => value !== 'v3');
    const list = reads.decode(bytes);
    if (round % 3 === 0) assert.deepEqual(skims.decode(bytes), list);
    else assert.equal(skims.skim(bytes).kind, 'fields');
    assert.equal(skims.tableBytes, reads.tableBytes);
  }
});

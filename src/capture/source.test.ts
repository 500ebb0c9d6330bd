import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { CollectingSink } from '../../test/fixtures/collecting-sink.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { temporaryFolder } from '../../test/fixtures/temporary-folder.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import { encodePcapHead, encodePcapRecord } from '../wire/pcap/encode.ts';
import { LINK } from '../wire/pcap/frame.ts';
import { findProgram } from './capture-program.ts';
import { createCaptureSource } from './create-source.ts';

// What holds for every source, whatever it reads from.

const folder = temporaryFolder();
after(() => folder[Symbol.dispose]());

const CONTENT = Buffer.concat([
  encodePcapHead(LINK.ethernet),
  encodePcapRecord({ bytes: Buffer.from('packet'), micros: 1_700_000_000_000_000 }),
]);

/** Something to read from: settings, and how to make packets come. */
interface Origin extends AsyncDisposable {
  readonly settings: CaptureSourceSettings;
  give(): void;
}

async function file(): Promise<Origin> {
  const path = folder.file('capture');
  writeFileSync(path, CONTENT);
  return {
    settings: { kind: 'file', path, follow: true, pace: 'fast' },
    give: () => writeFileSync(path, CONTENT),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function peer(): Promise<Origin> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(CONTENT);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  return {
    settings: { kind: 'pcap-over-ip', address: { kind: 'tcp', host: '127.0.0.1', port } },
    give: () => {},
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A port that is free, and a socket that sends to it. */
async function datagrams(kind: 'vxlan' | 'geneve' | 'interface'): Promise<Origin> {
  const probe = createSocket('udp4');
  probe.bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  const given = createSocket('udp4');
  const common = { give: () => given.send(Buffer.alloc(60), port, '127.0.0.1') };
  if (kind === 'interface') {
    return {
      ...common,
      settings: {
        kind,
        interface: 'lo',
        namespace: undefined,
        filter: `udp dst port ${port}`,
        snapBytes: 65_535,
        bufferBytes: 1024 * 1024,
        program: 'auto',
      },
      [Symbol.asyncDispose]: async () => {
        await Promise.all([probe[Symbol.asyncDispose](), given[Symbol.asyncDispose]()]);
      },
    };
  }
  await probe[Symbol.asyncDispose]();
  const listen = { kind: 'tcp', host: '127.0.0.1', port } as const;
  return {
    ...common,
    settings: { kind, listen, vnis: [], bufferBytes: 64 * 1024 },
    [Symbol.asyncDispose]: () => given[Symbol.asyncDispose](),
  };
}

const canCapture = process.geteuid?.() === 0 && (await findProgram('tcpdump')) !== undefined;
const ORIGINS: readonly (readonly [name: string, make: () => Promise<Origin>, skip: string | false])[] = [
  ['a file', file, false],
  ['a peer', peer, false],
  ['VXLAN', () => datagrams('vxlan'), false],
  ['GENEVE', () => datagrams('geneve'), false],
  ['an interface', () => datagrams('interface'), canCapture ? false : 'capturing needs root and tcpdump'],
];

for (const [name, make, skip] of ORIGINS) {
  test(
    `${name}: packets come, are counted, and none comes after the end, which is said once`,
    { skip },
    async () => {
      await using origin = await make();
      await using source = createCaptureSource(origin.settings);
      assert.notEqual(source.description, '');
      const sink = new CollectingSink();
      let ends = 0;
      const end = sink.end.bind(sink);
      sink.end = (problem) => {
        ends++;
        end(problem);
      };
      await source.start(sink);
      const seen = (): number => sink.frames.length + sink.datagrams.length;
      await eventually('a packet', () => {
        if (seen() > 0) return true;
        origin.give();
        return false;
      });
      await source[Symbol.asyncDispose]();
      assert.equal(await sink.ended, undefined);
      const before = [seen(), sink.batches];
      assert.equal(source.counts.packets, seen());
      origin.give();
      // Long enough for what is under way on loopback.
      for (let i = 0; i < 20; i++) await new Promise(setImmediate);
      await source[Symbol.asyncDispose]();
      assert.deepEqual([seen(), sink.batches, ends], [...before, 1]);
      assert.ok(sink.batches > 0 && sink.batchMicros > 1e15);
    },
  );

  test(`${name}: can be stopped before it has begun, and while it begins`, { skip }, async () => {
    await using origin = await make();
    await createCaptureSource(origin.settings)[Symbol.asyncDispose]();
    const source = createCaptureSource(origin.settings);
    const sink = new CollectingSink();
    const starting = source.start(sink);
    await source[Symbol.asyncDispose]();
    await starting;
    assert.equal(await sink.ended, undefined);
    // What it had is free again.
    await using again = createCaptureSource(origin.settings);
    await again.start(new CollectingSink());
  });
}

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { CollectingSink } from '../../test/fixtures/collecting-sink.ts';
import { eventually } from '../../test/fixtures/eventually.ts';
import { createLogger } from '../kit/log.ts';
import { findProgram } from './capture-program.ts';
import type { InterfaceSettings } from './capture-program.ts';
import { createCaptureSource } from './create-source.ts';

const hasRights = process.geteuid?.() === 0;
const SETTINGS: InterfaceSettings = {
  kind: 'interface',
  interface: 'lo',
  namespace: undefined,
  filter: undefined,
  snapBytes: 262_144,
  bufferBytes: 4 * 1024 * 1024,
  program: 'auto',
};

const FLOODED = 20_000;
const FLOOD = `
const socket = require('dgram').createSocket('udp4');
socket.connect(Number(process.argv[1]), '127.0.0.1', () => {
  let left = ${FLOODED};
  for (let i = 0; i < ${FLOODED}; i++) socket.send(Buffer.alloc(1000), () => --left === 0 && socket.close());
});`;

/** Captures in a worker thread, which it ends when something comes on standard input. */
const OWNER = `
import { Worker } from 'node:worker_threads';
const { PROGRAM: program, FILTER: filter } = process.env;
const code = \`
  import { parentPort, workerData } from 'node:worker_threads';
  const { createCaptureSource } = await import(workerData.module);
  const nothing = () => {};
  const sink = { frame: nothing, fault: nothing, vxlan: nothing, geneve: nothing, batch: nothing, end: nothing };
  await createCaptureSource(workerData.settings).start(sink);
  parentPort.postMessage('captures');
  parentPort.on('message', nothing);
\`;
const settings = { ...${JSON.stringify(SETTINGS)}, program, filter };
const workerData = { module: ${JSON.stringify(new URL('create-source.ts', import.meta.url).href)}, settings };
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)), { workerData });
worker.on('message', console.log);
process.stdin.on('data', () => worker.terminate());
`;

async function skipReason(program: string): Promise<string | false> {
  if (!hasRights) return 'capturing needs root';
  return (await findProgram(program)) === undefined ? `${program} is not installed` : false;
}

/** Sends datagrams on loopback that carry a text of their own. */
async function sent(port: number, texts: readonly string[]): Promise<void> {
  await using socket = createSocket('udp4');
  for (const text of texts)
    await new Promise((resolve) => socket.send(text, port, '127.0.0.1', () => resolve(undefined)));
}

/** A port on which somebody listens, so that nothing is answered. */
async function listening() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose]() };
}

/** Processes that capture with this filter. */
function capturing(filter: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(filter);
    } catch {
      return false;
    }
  });
}

/** Resolves when the other process captures. */
async function captures(owner: ChildProcessByStdio<Writable, Readable, null>): Promise<void> {
  const over = once(owner, 'exit').then(([code]) => assert.fail(`ended with ${code}`));
  await Promise.race([once(owner.stdout, 'data'), over]);
  over.catch(() => {});
}

for (const program of ['tcpdump', 'dumpcap'] as const) {
  const skip = await skipReason(program);
  test(
    `captures with ${program}, with as few rights as can be, and leaves nobody behind`,
    { skip },
    async () => {
      await using target = await listening();
      const filter = `udp dst port ${target.port}`;
      await using source = createCaptureSource({ ...SETTINGS, program, filter });
      const sink = new CollectingSink();
      await source.start(sink);
      assert.equal(source.description, `lo, by ${program}`);
      const [pid = ''] = capturing(filter);
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      // Nothing, or capturing alone.
      assert.match(status, /^CapEff:\t000000000000[02]000$/m);
      await sent(target.port, ['first', 'second']);
      await sink.until(() => sink.frames.length === 2);
      assert.deepEqual(
        sink.frames.map((frame) => frame.subarray(42).toString()),
        ['first', 'second'],
      );
      assert.ok(Math.abs(sink.micros[0] ?? 0) / 1000 - Date.now() < 60_000);
      // What it still holds when it is stopped is not lost.
      await sent(target.port, ['third']);
      await source[Symbol.asyncDispose]();
      assert.equal(await sink.ended, undefined);
      const { packets, restarts, lost } = source.counts;
      assert.deepEqual([packets, restarts, lost.kernel, sink.faults], [sink.frames.length, 0, 0, []]);
      assert.deepEqual(capturing(filter), []);
    },
  );

  test(`${program} is started again when it is killed`, { skip }, async () => {
    await using target = await listening();
    const filter = `udp dst port ${target.port}`;
    await using source = createCaptureSource({ ...SETTINGS, program, filter });
    const sink = new CollectingSink();
    await source.start(sink);
    for (const pid of capturing(filter)) process.kill(Number(pid), 'SIGKILL');
    await eventually('another program', () => source.counts.restarts === 1);
    await eventually('a packet', async () => {
      await sent(target.port, ['again']);
      return sink.frames.length > 0;
    });
  });

  for (const way of ['SIGKILL', 'terminate']) {
    test(`${program} ends with the thread that began it, however that ends: ${way}`, { skip }, async () => {
      const filter = `udp port 9 and host 10.9.${way.length}.${program.length}`;
      const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, PROGRAM: program, FILTER: filter },
      });
      try {
        await captures(owner);
        assert.equal(capturing(filter).length, 1);
        if (way === 'SIGKILL') owner.kill('SIGKILL');
        else owner.stdin.write('terminate the worker');
        await eventually('the end of the program', () => capturing(filter).length === 0);
      } finally {
        owner.kill('SIGKILL');
      }
    });
  }

  test(`${program} tells what the kernel had no room for`, { skip }, async () => {
    await using target = await listening();
    const filter = `udp dst port ${target.port}`;
    await using source = createCaptureSource({ ...SETTINGS, program, filter, bufferBytes: 1024 * 1024 });
    const sink = new CollectingSink();
    await source.start(sink);
    // This thread reads nothing in the meantime.
    const flood = spawnSync(process.execPath, ['-e', FLOOD, String(target.port)]);
    assert.equal(flood.status, 0, String(flood.stderr));
    // dumpcap tells at its end only.
    if (program === 'tcpdump') await eventually('drops', () => source.counts.lost.kernel > 0);
    await source[Symbol.asyncDispose]();
    const { packets, lost } = source.counts;
    assert.ok(lost.kernel > 0 && packets + lost.kernel >= FLOODED, JSON.stringify(source.counts));
    assert.equal(lost.interface, 0);
    assert.equal(sink.frames.length, packets);
  });

  const refused: readonly (readonly [Partial<InterfaceSettings>, RegExp])[] = [
    [{ filter: 'tcp prt 80' }, /the filter "tcp prt 80" is not valid/],
    [{ interface: 'nope0' }, /there is no interface nope0/],
    [{ namespace: 'no-such-namespace' }, /there is no network namespace/],
  ];
  for (const [part, message] of refused) {
    test(`${program} does not begin: ${JSON.stringify(part)}`, { skip }, async () => {
      const source = createCaptureSource({ ...SETTINGS, program, ...part });
      await assert.rejects(source.start(new CollectingSink()), { name: 'UserError', message });
    });
  }
}

const withoutSetpriv = (await skipReason('setpriv')) || (await skipReason('dumpcap'));
test(
  'root with no other right than to capture takes what works with that',
  { skip: withoutSetpriv },
  async () => {
    const filter = 'udp port 9 and host 10.8.8.8';
    const few = ['--bounding-set=-all,+net_raw', process.execPath, '--input-type=module', '-e', OWNER];
    const owner = spawn('setpriv', few, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PROGRAM: 'auto', FILTER: filter },
    });
    try {
      await captures(owner);
      const [pid = ''] = capturing(filter);
      assert.match(readFileSync(`/proc/${pid}/status`, 'latin1'), /^Name:\tdumpcap$/m);
      owner.kill('SIGKILL');
      await eventually('the end of the program', () => capturing(filter).length === 0);
    } finally {
      owner.kill('SIGKILL');
    }
  },
);

const SEND = "s=require('dgram').createSocket('udp4');s.send('x',9,'127.0.0.1',()=>s.close())";

function ip(command: string): void {
  const { status, stderr } = spawnSync('ip', command.split(' '));
  assert.equal(status, 0, `ip ${command}: ${String(stderr)}`);
}

const skip = (await skipReason('ip')) || (await skipReason('tcpdump'));
test('captures all interfaces of a network namespace, and one that comes back', { skip }, async () => {
  const namespace = `understudy-${process.pid}`;
  ip(`netns add ${namespace}`);
  try {
    ip(`-n ${namespace} link set lo up`);
    await using all = createCaptureSource({ ...SETTINGS, interface: 'any', namespace, program: 'tcpdump' });
    const sink = new CollectingSink();
    await all.start(sink);
    await eventually('a packet of any interface', () => {
      ip(`netns exec ${namespace} ${process.execPath} -e ${SEND}`);
      return sink.frames.length > 0;
    });
    assert.deepEqual([...sink.linkTypes], [276]);

    ip(`-n ${namespace} link add v0 type veth peer name v1`);
    ip(`-n ${namespace} link set v0 up`);
    ip(`-n ${namespace} link set v1 up`);
    let lines = '';
    const write = (line: string): void => void (lines += line);
    const log = createLogger({ level: 'warn', format: 'json', terminal: false, colour: false, write });
    const settings = { ...SETTINGS, interface: 'v0', namespace, program: 'tcpdump' } as const;
    await using one = createCaptureSource(settings, { log });
    const other = new CollectingSink();
    await one.start(other);
    ip(`-n ${namespace} link del v0`);
    await eventually('a program that cannot begin', () => lines.includes('does not begin'));
    assert.equal(one.counts.restarts, 0);
    ip(`-n ${namespace} link add v0 type veth peer name v1`);
    ip(`-n ${namespace} link set v0 up`);
    ip(`-n ${namespace} link set v1 up`);
    const before = other.frames.length;
    // Neighbours are asked for with packets of their own as soon as the link is up; more come with each look.
    await eventually('packets of the new interface', () => {
      ip(`-n ${namespace} link set v1 down`);
      ip(`-n ${namespace} link set v1 up`);
      return other.frames.length > before;
    });
    assert.equal(one.counts.restarts, 1);
  } finally {
    spawnSync('ip', ['netns', 'del', namespace]);
  }
});

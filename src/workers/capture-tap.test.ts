import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testInstance } from '../../test/fixtures/instance-data.ts';
import { UserError } from '../kit/errors.ts';
import { silentLogger } from '../kit/log.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';
import { CaptureTap } from './capture-tap.ts';
import type { CaptureTapOptions } from './capture-tap.ts';

function optionsFor(source: CaptureSourceSettings, more: Partial<CaptureTapOptions> = {}): CaptureTapOptions {
  return {
    capture: {
      name: 'test',
      source,
      serverPorts: [],
      overlap: 'first',
      keyLog: undefined,
      output: undefined,
      connections: 100,
      heldBytes: 2 ** 20,
      idleTimeoutMs: 60_000,
    },
    observer: {
      perWorker: 1,
      tapeBytes: 2 ** 16,
      heapBytes: 2 ** 27,
      stallMs: 5000,
      headBytes: 4096,
      connections: 10,
      nice: 0,
    },
    policies: [],
    paused: [],
    instance: testInstance(),
    onJudged: () => {},
    onOver: () => {},
    emit: () => {},
    log: silentLogger,
    ...more,
  };
}

test('a source that cannot be had is refused, with where and why', async () => {
  const source = { kind: 'file', path: '/nowhere/x.pcap', follow: false, pace: 'fast' } as const;
  await assert.rejects(CaptureTap.start(optionsFor(source)), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(`${error.where}: ${error.message}`, /\/nowhere\/x\.pcap.*cannot be read/);
    return true;
  });
});

test('a thread that fails at its start is refused, and waited for by nobody', async () => {
  const vxlan = { kind: 'vxlan', listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, vnis: [] } as const;
  const options = optionsFor({ ...vxlan, bufferBytes: 2 ** 20 });
  const broken = { ...options.instance, heldWrites: new SharedArrayBuffer(3) };
  await assert.rejects(CaptureTap.start({ ...options, instance: broken }), /failed at the start/);
});

test('a capture that runs says so, and ends when it is told to', async () => {
  const vxlan = { kind: 'vxlan', listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, vnis: [] } as const;
  await using tap = await CaptureTap.start(optionsFor({ ...vxlan, bufferBytes: 2 ** 20 }));
  const { kind, state, packets, exchanges } = tap.status();
  assert.deepEqual(
    { kind, state, packets, exchanges },
    { kind: 'capture', state: 'running', packets: 0, exchanges: 0 },
  );
  assert.equal(tap.over, false);
  await tap.drain();
});

import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { exampleCapture } from '../../test/fixtures/status.ts';
import { captureLines } from './capture-lines.ts';

test('a capture says what it has seen, and by kind what it has not', () => {
  deepEqual(captureLines({ ...exampleCapture, problem: 'the interface is gone' }), [
    'capture port, eth1, by dumpcap: 1,000 packets, 640,000 bytes (3 cut, 6 captured twice, 5 retransmitted, 2 of networks that are not let in, 1 that contradict others); 37 whole, 1 incomplete, 4 guessed',
    '  packets lost: 7 (kernel 7)',
    '  packets that could not be read: 4 (lying_length 4)',
    '  the capture itself is damaged: 1 (cut_record 1)',
    '  bytes missing: 3,000 (cut 100, lost 2,900)',
    '  connections given up: 3 (table_full 1, idle 2)',
    '  connections whose begin or server had to be guessed: 5 (midstream 4, server_guessed 1)',
    '  TLS: 5 connections, 2 decrypted, opaque: 3 (no_keys 3); most asked for orders.example',
    '  it ended early: the interface is gone',
  ]);
});

test('what has not happened is not mentioned', () => {
  const quiet = {
    ...exampleCapture,
    cut: 0,
    lost: none(exampleCapture.lost),
    faults: none(exampleCapture.faults),
    fileFaults: none(exampleCapture.fileFaults),
    missingBytes: none(exampleCapture.missingBytes),
    left: { over: 3 },
    begins: { midstream: 0, server_guessed: 0 },
    segments: { ...exampleCapture.segments, duplicates: 0, retransmitted: 0, conflicts: 0 },
    completeness: { whole: 42, cut: 0, guessed: 0 },
    tls: { connections: 0, decrypted: 0, opaque: {}, names: [], secrets: 0 },
  };
  deepEqual(captureLines(quiet), ['capture port, eth1, by dumpcap: 1,000 packets, 640,000 bytes; 42 whole']);
});

function none(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.keys(counts).map((key) => [key, 0]));
}

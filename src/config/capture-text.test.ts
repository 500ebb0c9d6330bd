import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writtenSource } from './capture-text.ts';

const cases: readonly (readonly [text: string, key: string, value: string])[] = [
  ['-', 'file', '-'],
  ['monday.pcap', 'file', 'monday.pcap'],
  ['monday.PCAPNG', 'file', 'monday.PCAPNG'],
  ['a.pcap.gz', 'file', 'a.pcap.gz'],
  ['./eth0', 'file', './eth0'],
  ['/var/tmp/x', 'file', '/var/tmp/x'],
  ['file://x.bin', 'file', 'x.bin'],
  ['eth0', 'interface', 'eth0'],
  ['eth0.100', 'interface', 'eth0.100'],
  ['any', 'interface', 'any'],
  ['vxlan://0.0.0.0:4789', 'vxlan', '0.0.0.0:4789'],
  ['vxlan://0.0.0.0', 'vxlan', '0.0.0.0:4789'],
  ['vxlan://[::1]', 'vxlan', '[::1]:4789'],
  ['geneve://', 'geneve', ':6081'],
  ['geneve://:7000', 'geneve', ':7000'],
  ['pcap-over-ip://10.0.0.9:57012', 'pcapOverIp', '10.0.0.9:57012'],
];
for (const [text, key, value] of cases) {
  test(`takes ${text} for ${key} ${value}`, () => assert.deepEqual(writtenSource(text), { key, value }));
}

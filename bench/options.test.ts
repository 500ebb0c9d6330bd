import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, wanted } from './options.ts';

test('a full run is 5 rounds of 5 s, a quick one 2 of 2 s', () => {
  const full = parseOptions([]);
  const quick = parseOptions(['--quick']);
  assert.deepEqual([full.rounds, full.seconds], [5, 5]);
  assert.deepEqual([quick.rounds, quick.seconds], [2, 2]);
});

test('rounds and seconds stand over quick', () => {
  const { rounds, seconds } = parseOptions(['--quick', '--rounds', '7', '--seconds', '9']);
  assert.deepEqual([rounds, seconds], [7, 9]);
});

for (const argv of [
  ['--rounds', '0'],
  ['--rounds', '1.5'],
  ['--seconds', '601'],
  ['--seconds', 'x'],
]) {
  test(`refuses ${argv.join(' ')}`, () => {
    assert.throws(() => parseOptions(argv), RangeError);
  });
}

test('naming one of a kind leaves the other kinds whole', () => {
  const { only } = parseOptions(['--only', 'tls,nginx']);
  assert.equal(wanted(only, ['tls', 'faults'], 'faults'), false);
  assert.equal(wanted(only, ['nginx', 'envoy'], 'nginx'), true);
  assert.equal(wanted(['nginx'], ['tls', 'faults'], 'faults'), true);
});

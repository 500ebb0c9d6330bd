import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import { compareText, leastPairs } from './compare-text.ts';
import { parseConfig } from './load.ts';
import { diskSurroundings } from './surroundings.ts';

const { gate } = DEFAULT_COMPARE;

test('the least pairs of a pass are those after which no difference is still improbable enough', () => {
  const pairs = leastPairs(gate);
  assert.equal(pairs, 2995);
  assert.ok((1 - gate.rate) ** pairs <= gate.alpha);
  assert.ok((1 - gate.rate) ** (pairs - 1) > gate.alpha);
  assert.equal(leastPairs({ ...gate, rate: 1, mirrorErrors: 1 }), gate.minimumPairs);
  assert.equal(leastPairs({ ...gate, mirrorErrors: 0.0001 }), 29_956);
});

function textOf(policy: string): string {
  const { settings } = parseConfig(
    `
listeners: [ { name: orders, listen: "127.0.0.1:0", primary: "http://a" } ]
policies: [ { name: p, mirrors: [ { name: m, url: "http://m" } ], ${policy} } ]
`,
    'understudy.yaml',
    diskSurroundings('/', {}),
  );
  const [first] = settings.policies;
  return first === undefined ? '' : compareText(first).join('\n');
}

for (const [policy, expected] of [
  ['', /^noise: not measured, as there is no control: .* up to 0\.1 % .* by their form$/m],
  ['control: { url: "http://c" }', /^noise: measured with the control$/m],
  [
    'compare: { noise: { repeat: 2%, recognisers: off } }',
    /^noise: .* 2 % of the safe requests .* once more$/m,
  ],
  [
    'compare: { gate: { risk: high, latency: off } }',
    /^fails: a difference of class high is proven beyond noise; /m,
  ],
  ['compare: { gate: { minimumPairs: 20000 } }', /not before 20,000 pairs$/m],
  [
    'compare: { ignore: [ body.a, body.b ], keys: { body.c: id }, routes: { templates: [ /a ] } }',
    /^paths: 2 ignored, 1 matched by key\nroutes: 1 known, the others are learned$/m,
  ],
] as const) {
  test(`${policy || 'nothing'} reads ${String(expected)}`, () => assert.match(textOf(policy), expected));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Policy } from '../model/policy.ts';
import { allowedRate, compareText, leastPairs } from './compare-text.ts';
import { parseConfig } from './load.ts';
import { diskSurroundings } from './surroundings.ts';

function policyOf(rest: string): Policy {
  const { settings } = parseConfig(
    `
listeners: [ { name: orders, listen: "127.0.0.1:0", primary: "http://a" } ]
policies: [ { name: p, mirrors: [ { name: m, url: "http://m" } ], ${rest} } ]
`,
    'understudy.yaml',
    diskSurroundings('/', {}),
  );
  const [policy] = settings.policies;
  return policy ?? assert.fail('there is no policy');
}

test('the least pairs of a pass are those after which no difference is still improbable enough', () => {
  const policy = policyOf('');
  const { rate, alpha, minimumPairs } = policy.compare.gate;
  const pairs = leastPairs(policy);
  assert.equal(pairs, 2995);
  assert.ok((1 - rate) ** pairs <= alpha);
  assert.ok((1 - rate) ** (pairs - 1) > alpha);
  const gate = (text: string): number => leastPairs(policyOf(`compare: { gate: { ${text} } }`));
  assert.equal(gate('rate: 100%, mirrorErrors: 100%'), minimumPairs);
  assert.equal(gate('mirrorErrors: 0.01%'), 29_956);
});

test('with repeats a hundredth of the pairs counts, and without control what is assumed is allowed', () => {
  assert.equal(leastPairs(policyOf('compare: { noise: { repeat: 1% } }')), 299_424);
  const strict = 'gate: { rate: 0.01%, mirrorErrors: 0.01% }, noise: { assumed: 1% }';
  assert.equal(allowedRate(policyOf(`compare: { ${strict} }`)), 0.01);
  assert.equal(allowedRate(policyOf(`control: { url: "http://c" }, compare: { ${strict} }`)), 0.0001);
});

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
  test(`${policy || 'nothing'} reads ${String(expected)}`, () =>
    assert.match(compareText(policyOf(policy)).join('\n'), expected));
}

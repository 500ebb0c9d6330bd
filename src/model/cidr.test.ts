import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../kit/errors.ts';
import { compileCidrs, parseCidr } from './cidr.ts';

const cases: readonly (readonly [cidrs: readonly string[], ip: string, inside: boolean])[] = [
  [['10.0.0.0/8'], '10.255.255.255', true],
  [['10.0.0.0/8'], '11.0.0.0', false],
  [['10.0.0.0/8'], '9.255.255.255', false],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  [['10.0.0.0/8'], '::FFFF:0a01:0203', true],
  [['10.0.0.0/8'], '0:0:0:0:0:ffff:10.1.2.3', true],
  [['::ffff:10.0.0.0/104'], '10.1.2.3', true],
  [['::ffff:10.0.0.0/104'], '::ffff:11.1.2.3', false],
  [['0.0.0.0/0'], '203.0.113.9', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['128.0.0.0/1'], '255.255.255.255', true],
  [['255.255.255.255'], '255.255.255.255', true],
  [['192.168.1.0/31'], '192.168.1.1', true],
  [['192.168.1.0/31'], '192.168.1.2', false],
  [['172.16.0.0/12', '10.1.2.3'], '10.1.2.3', true],
  [['172.16.0.0/12', '10.1.2.3'], '10.1.2.4', false],
  [['2001:db8::/33'], '2001:db8:7fff::1', true],
  [['2001:db8::/33'], '2001:db8:8000::1', false],
  [['::1'], '::1', true],
  [['::1'], '::2', false],
  [['::/0'], '2001:db8::1', true],
  [['::/0'], '10.1.2.3', false],
  [['::/0', '10.0.0.0/8'], '10.1.2.3', true],
  [['10.0.0.0/8'], '', false],
  [['10.0.0.0/8'], '10.1.2', false],
  [['10.0.0.0/8'], '10.1.2.3.4', false],
  [['10.0.0.0/8'], '10.1.2.256', false],
  [['10.0.0.0/8'], '10..2.3', false],
  [['::/0'], 'fe80::1%eth0', false],
  [[], '10.1.2.3', false],
];

for (const [cidrs, ip, inside] of cases) {
  test(`"${ip}" is ${inside ? 'in' : 'not in'} [${cidrs.join(', ')}]`, () => {
    assert.equal(compileCidrs(cidrs)(ip), inside);
  });
}

for (const text of [
  '',
  '/',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0/8',
  'a/8',
  '::/129',
  '::ffff:0.0.0.0/95',
  '10.0.0.0/ 8',
]) {
  test(`refuses "${text}" as a network`, () => {
    assert.throws(() => parseCidr(text), UserError);
  });
}

test('says which network was meant when bits behind the prefix are set', () => {
  assert.throws(() => parseCidr('10.1.2.3/8'), { hint: /10\.0\.0\.0\/8/ });
  assert.throws(() => parseCidr('2001:db8::1/32'), { hint: /2001:db8::\/32/ });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, RequestHead } from './exchange.ts';
import type { Fraction, Policy, SampleBy } from './policy.ts';
import { requestHead } from './request-head.ts';
import { sampleKey, samplePlace, sampler } from './sample.ts';
import type { SampleKey, Sampler } from './sample.ts';
import { testConnection, testPolicy } from './fixtures.ts';

const never = (): number => {
  throw new Error('chance must not decide');
};

function included(
  policy: Partial<Policy>,
  request: RequestHead,
  connection = testConnection(),
  random = never,
): boolean {
  return sampler(testPolicy(policy)).included(request, connection, random);
}

function withHeader(name: string, value: string): RequestHead {
  return requestHead('GET', '/', [[name, value]]);
}

function fromIp(ip: string): Connection {
  return testConnection({ source: { ip, port: 1 } });
}

function userSampler(name: string, numerator: number): Sampler {
  return sampler(testPolicy({ name, sampleBy: BY_USER, fraction: { numerator, denominator: 100 } }));
}

const BY_USER: SampleBy = { kind: 'header', name: 'x-user-id' };

test('takes everything at 1 and nothing at 0, without chance', () => {
  for (const sampleBy of [{ kind: 'random' }, BY_USER] as const) {
    assert.equal(
      included({ sampleBy, fraction: { numerator: 100, denominator: 100 } }, withHeader('x-user-id', '1')),
      true,
    );
    assert.equal(
      included({ sampleBy, fraction: { numerator: 0, denominator: 100 } }, withHeader('x-user-id', '1')),
      false,
    );
  }
});

test('chance decides exactly at the fraction, also at one in a million', () => {
  const fraction = { numerator: 1, denominator: 1_000_000 };
  const take = (value: number) =>
    included({ fraction }, requestHead('GET', '/'), testConnection(), () => value);
  assert.equal(take(0), true);
  assert.equal(take(9.999_999e-7), true);
  assert.equal(take(1e-6), false);
  assert.equal(take(1.1e-6), false);
});

test('the share of keys that is in is the fraction', () => {
  for (const share of [0.001, 0.01, 0.1, 0.5, 0.9]) {
    const sample = sampler(testPolicy({ sampleBy: BY_USER, fraction: { numerator: share, denominator: 1 } }));
    const keys = 200_000;
    let count = 0;
    for (let i = 0; i < keys; i++) {
      if (sample.included(withHeader('x-user-id', `user-${i}`), testConnection(), never)) count++;
    }
    const deviation = Math.sqrt(keys * share * (1 - share));
    assert.ok(Math.abs(count - keys * share) < 5 * deviation, `${count} of ${keys} at ${share}`);
  }
});

test('a smaller fraction takes a part of the keys of a larger one, in every policy', () => {
  const small = userSampler('a', 10);
  const large = userSampler('b', 30);
  let inSmall = 0;
  for (let i = 0; i < 2000; i++) {
    const request = withHeader('x-user-id', String(i));
    if (!small.included(request, testConnection(), never)) continue;
    inSmall++;
    assert.equal(large.included(request, testConnection(), never), true);
  }
  assert.ok(inSmall > 100);
});

test('the same keys are in for ever', () => {
  const fraction: Fraction = { numerator: 1, denominator: 2 };
  const inside = [...'abcdefghijklmnop'].filter((key) =>
    included({ sampleBy: BY_USER, fraction }, withHeader('x-user-id', key)),
  );
  assert.equal(inside.join(''), 'aceghikmn');
});

function sessionKey(cookie: string): SampleKey {
  return sampleKey({ kind: 'cookie', name: 'session' }, withHeader('cookie', cookie), fromIp('192.0.2.1'));
}

test('a cookie is found among others', () => {
  const found = { from: 'cookie', key: '6f' };
  assert.deepEqual(sessionKey('session=6f'), found);
  assert.deepEqual(sessionKey('a=1; session=6f; b=2'), found);
  assert.deepEqual(sessionKey('a=session=1;session=6f'), found);
  assert.deepEqual(sessionKey('session=6f; session=7f'), found);
  for (const cookie of [
    '',
    'xsession=6f',
    'session',
    'session=',
    'sessio=6f',
    'session2=6f',
    'a=1; b=session',
  ]) {
    assert.deepEqual(sessionKey(cookie), { from: 'source-ip', key: '192.0.2.1' }, cookie);
  }
});

test('a request without the key is sampled by its source address, without that by chance', () => {
  const fraction: Fraction = { numerator: 1, denominator: 2 };
  const bare = requestHead('GET', '/');
  for (let i = 0; i < 50; i++) {
    const ip = `192.0.2.${i}`;
    const byIp = included({ sampleBy: { kind: 'source-ip' }, fraction }, bare, fromIp(ip));
    assert.equal(included({ sampleBy: BY_USER, fraction }, bare, fromIp(ip)), byIp);
    assert.equal(included({ sampleBy: BY_USER, fraction }, bare, fromIp(`::ffff:${ip}`)), byIp);
    assert.equal(byIp, samplePlace(ip) < 0.5);
  }
  assert.equal(
    included({ sampleBy: BY_USER, fraction }, bare, fromIp(''), () => 0.4),
    true,
  );
  assert.equal(
    included({ sampleBy: BY_USER, fraction }, bare, fromIp(''), () => 0.6),
    false,
  );
});

import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { SHOP_DESCRIPTORS } from '../compare/protobuf/fixture.ts';
import { ReflectionDialogue, ReflectionError } from '../compare/protobuf/reflection.ts';
import type { Logger } from '../kit/log.ts';
import { ManualClock } from '../kit/manual-clock.ts';
import { DEFAULT_COMPARE } from '../model/compare-settings.ts';
import { testPolicy } from '../model/fixtures.ts';
import type { Policy } from '../model/policy.ts';
import { comparisonBasis } from './comparison-basis.ts';
import { Reflection } from './reflection.ts';
import type { askForDescriptors } from './reflection-call.ts';

const REFRESH_MS = 600_000;

function asking(url: string, refreshMs = REFRESH_MS): Policy {
  const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
  const endpoint = { url, address, protocol: 'h2c', tls: false } as const;
  const reflection = { from: { endpoint, tls: undefined }, files: 9, bytes: 9999, timeoutMs: 9, refreshMs };
  const protobuf = { ...DEFAULT_COMPARE.protobuf, reflection };
  return testPolicy({ name: 'p', compare: { ...DEFAULT_COMPARE, protobuf } });
}

const FILES = fromBinary(FileDescriptorSetSchema, SHOP_DESCRIPTORS).file.map(
  (file) => [file.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file))] as const,
);

type Answer = 'all' | 'none' | 'less';

/** What a server answers, turn by turn; the last one again and again. */
function scripted(...answers: readonly [Answer, ...Answer[]]) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log: Logger = {
    debug() {},
    info: (message) => lines.push(message),
    warn: (message) => lines.push(message),
    error() {},
    with: () => log,
  };
  const state = { asked: 0, changes: 0, urls: [] as string[] };
  const ask: typeof askForDescriptors = ({ origin }) => {
    state.urls.push(origin.host);
    const answer = answers[Math.min(state.asked++, answers.length - 1)];
    if (answer === 'none') return Promise.reject(new ReflectionError('unreachable', 'nobody'));
    const dialogue = new ReflectionDialogue({ files: 99, bytes: 999_999 });
    const files = new Map(answer === 'less' ? FILES.filter(([name]) => name !== 'shop.proto') : FILES);
    return Promise.resolve(Object.defineProperty(dialogue, 'files', { value: files }));
  };
  const reflection = new Reflection({ log, clock, ask, onChange: () => state.changes++ });
  return { clock, lines, state, reflection };
}

/** What was asked has its answer after some turns of promises. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test('descriptors come into the policy when they are told, with methods as routes', async () => {
  const { reflection, state, lines } = scripted('all');
  const policy = asking('h2c://a');
  reflection.follow([policy], []);
  deepEqual(reflection.described([policy]), [policy]);
  equal(reflection.status('p')?.state, 'waiting');
  await settled();
  const [described] = reflection.described([policy]);
  equal(described?.compare.protobuf.descriptors === undefined, false);
  equal(described?.compare.routes.templates.includes('POST /shop.Orders/Get'), true);
  deepEqual([state.changes, reflection.status('p')?.state, lines.length], [1, 'answered', 1]);
  equal(reflection.status('other'), undefined);
});

test('a server that does not tell is asked again, ever more seldom; the warning is one', async () => {
  const { reflection, state, clock, lines } = scripted('none', 'none', 'none', 'all');
  const policy = asking('h2c://a');
  reflection.follow([policy], []);
  await settled();
  equal(state.asked, 1);
  for (const [pauseMs, asked] of [
    [740, 1],
    [260, 2],
    [1490, 2],
    [510, 3],
    [4000, 4],
  ] as const) {
    clock.advance(pauseMs);
    await settled();
    equal(state.asked, asked);
  }
  deepEqual([state.changes, lines.length, reflection.status('p')?.failures], [1, 2, 3]);
});

test('the last good answer holds, and another one changes what is compared', async () => {
  const { reflection, state, clock } = scripted('all', 'none', 'all', 'less');
  const policy = asking('h2c://a');
  reflection.follow([policy], []);
  const bases: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    await settled();
    bases.push(...reflection.described([policy]).map(comparisonBasis));
    clock.advance(REFRESH_MS);
  }
  const [first, second, third, last] = bases;
  deepEqual([first === second, second === third, third === last, state.changes], [true, true, false, 2]);
});

test('what one server has told holds until another one answers, and who is asked makes no other verdict', async () => {
  const { reflection, state } = scripted('all');
  reflection.follow([asking('h2c://a')], []);
  await settled();
  const [before] = reflection.described([asking('h2c://a')]);
  const other = asking('h2c://b');
  reflection.follow([other], []);
  const [during] = reflection.described([other]);
  equal(
    before !== undefined && during !== undefined && comparisonBasis(before) === comparisonBasis(during),
    true,
  );
  await settled();
  deepEqual([state.asked, state.changes], [2, 1]);
});

test('nobody is asked any more when no policy wants it', async () => {
  const { reflection, state, clock } = scripted('none');
  reflection.follow([asking('h2c://a')], []);
  await settled();
  reflection.follow([], []);
  clock.advance(REFRESH_MS);
  await settled();
  deepEqual([state.asked, reflection.status('p')], [1, undefined]);
});

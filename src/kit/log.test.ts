import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { LogOptions } from './log.ts';
import { createLogger } from './log.ts';
import { ManualClock } from './manual-clock.ts';

function logTo(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const log = createLogger({
    level: 'info',
    format: 'json',
    terminal: false,
    colour: false,
    write: (line) => lines.push(line),
    clock,
    ...options,
  });
  return { log, lines, clock };
}

test('writes one JSON object per line, with time, level, message and fields', () => {
  const { log, lines } = logTo();
  log.with({ listener: 'orders' }).warn('endpoint rests', { restMs: 250 });
  equal(lines.length, 1);
  ok(lines[0]?.endsWith('}\n'));
  deepEqual(JSON.parse(lines[0] ?? ''), {
    listener: 'orders',
    restMs: 250,
    time: '2026-01-02T03:04:05.678Z',
    level: 'warn',
    message: 'endpoint rests',
  });
});

test('leaves out levels below the chosen one', () => {
  const { log, lines } = logTo({ level: 'warn' });
  log.debug('a');
  log.info('b');
  log.error('c');
  equal(lines.length, 1);
});

test('auto is text on a terminal and JSON elsewhere', () => {
  const terminal = logTo({ format: 'auto', terminal: true });
  terminal.log.info('listening', { address: '127.0.0.1:80', note: 'two words' });
  equal(terminal.lines[0], '03:04:05.678 INFO  listening address=127.0.0.1:80 note="two words"\n');
  const pipe = logTo({ format: 'auto' });
  pipe.log.info('listening');
  match(pipe.lines[0] ?? '', /^\{/);
});

test('colours only when asked', () => {
  const plain = logTo({ format: 'text' });
  plain.log.info('x');
  doesNotMatch(plain.lines[0] ?? '', /\p{C}(?!$)/u);
  const coloured = logTo({ format: 'text', colour: true });
  coloured.log.info('x');
  ok(coloured.lines[0]?.includes('\u001b[36mINFO'));
});

const secretCases: readonly (readonly [name: string, fields: Record<string, unknown>])[] = [
  ['a header', { authorization: 's3cret' }],
  ['a header in any case', { 'Set-Cookie': 's3cret' }],
  ['a nested field', { admin: { listen: 'x', token: 's3cret' } }],
  ['a compound name', { adminToken: 's3cret', api_key: 's3cret', clientSecret: 's3cret' }],
  ['a URL as text', { url: 'http://user:s3cret@host/x' }],
  ['a URL with an @ in its password', { url: 'http://user:p@s3cret@host/x' }],
  ['a URL object', { url: new URL('https://user:s3cret@host/') }],
  ['a list', { urls: ['h2c://user:s3cret@host/'] }],
  ['an error', { error: new Error('no answer from http://user:s3cret@host/') }],
  ["an error's cause", { error: new Error('x', { cause: new Error('http://u:s3cret@h') }) }],
];
for (const [name, fields] of secretCases) {
  test(`never writes a secret: ${name}`, () => {
    for (const format of ['json', 'text'] as const) {
      const { log, lines } = logTo({ format });
      log.info('x', fields);
      doesNotMatch(lines.join(''), /s3cret/);
    }
  });
}

test('what a client sent cannot forge a line or move the cursor', () => {
  const { log, lines } = logTo({ format: 'text' });
  log.info('bad\u001b[2J', { target: '/a\n03:04 ERROR forged \u001b[31m\u202e' });
  equal(lines.join('').split('\n').length, 2);
  doesNotMatch(lines.join('').slice(0, -1), /\p{C}/u);
});

test('bounds long texts, lists and depth', () => {
  const { log, lines } = logTo();
  const ring: Record<string, unknown> = {};
  ring['ring'] = ring;
  log.info('x', { text: 'y'.repeat(1e6), list: Array.from({ length: 1e4 }, (_, i) => i), ring });
  ok((lines[0]?.length ?? 0) < 10_000);
});

test('writes bytes as their number and never fails on odd values', () => {
  const { log, lines } = logTo();
  log.info('x', { bytes: new Uint8Array(9), big: 5n, call: () => 1, when: new Date(Number.NaN), none: null });
  const { bytes, big, call, when, none } = JSON.parse(lines[0] ?? '');
  deepEqual(
    { bytes, big, call, when, none },
    {
      bytes: '[9 bytes]',
      big: '5',
      call: 'function',
      when: 'invalid date',
      none: null,
    },
  );
});

test('limits lines with the same message per second and counts what it left out', () => {
  const { log, lines, clock } = logTo({ linesPerSecond: 2 });
  for (let i = 0; i < 10; i++) log.warn('endpoint rests', { i });
  log.warn('another');
  equal(lines.length, 3);
  clock.advance(1000);
  log.warn('endpoint rests');
  equal(JSON.parse(lines[3] ?? '').suppressed, 8);
});

import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert, constantFrom, property } from 'fast-check';
import { UserError } from '../kit/errors.ts';
import { readArguments } from './arguments.ts';
import type { Command } from './command.ts';

const command: Command = {
  name: 'x',
  summary: '',
  usage: '',
  options: [
    { name: 'one', value: 'V', help: '' },
    { name: 'many', value: 'V', help: '', many: true },
    { name: 'flag', help: '' },
    { name: 'choice', value: 'a|b', values: ['a', 'b'], help: '' },
  ],
  operands: ['op'],
  examples: [],
  run: async () => 0,
};

const cases: readonly (readonly [args: readonly string[], options: object, operands: readonly string[]])[] = [
  [[], {}, []],
  [['--one', '1'], { one: ['1'] }, []],
  [['--one=1'], { one: ['1'] }, []],
  [['--one='], { one: [''] }, []],
  [['--one=--flag'], { one: ['--flag'] }, []],
  [['--one', '-5'], { one: ['-5'] }, []],
  [['--one', '-'], { one: ['-'] }, []],
  [['--many', 'a', '--flag', '--many=b'], { many: ['a', 'b'], flag: [''] }, []],
  [['--flag', 'a'], { flag: [''] }, ['a']],
  [['--', '--one'], {}, ['--one']],
  [['--choice', 'b'], { choice: ['b'] }, []],
];
for (const [args, options, operands] of cases) {
  test(`reads ${JSON.stringify(args)}`, () => deepEqual(readArguments(command, args), { options, operands }));
}

const refused: readonly (readonly string[])[] = [
  ['--two'],
  ['-o'],
  ['--no-flag'],
  ['--one'],
  ['--one', '--flag'],
  ['--flag=1'],
  ['--one', '1', '--one', '2'],
  ['--choice', 'c'],
  ['--__proto__', '1'],
  ['--constructor'],
];
for (const args of refused) {
  test(`refuses ${JSON.stringify(args)}`, () => throws(() => readArguments(command, args), UserError));
}

test('no arguments make it throw anything but a user error', () => {
  const word = constantFrom(
    '--one',
    '--one=',
    '--many',
    '--flag',
    '--',
    '-',
    '-x',
    '--choice',
    'a',
    '',
    '--=',
    '--no-one',
    '-=',
  );
  assert(
    property(array(word, { maxLength: 6 }), (args) => {
      try {
        readArguments(command, args);
      } catch (error) {
        return error instanceof UserError;
      }
      return true;
    }),
  );
});

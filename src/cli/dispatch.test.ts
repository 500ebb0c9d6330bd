import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { cliContext } from '../../test/fixtures/cli-context.ts';
import { UserError } from '../kit/errors.ts';
import type { Command } from './command.ts';
import { dispatch } from './dispatch.ts';

const cases: readonly (readonly [args: readonly string[], code: number, out: RegExp, err: RegExp])[] = [
  [[], 64, /^$/, /Usage: understudy <command>/],
  [['--help'], 0, /Usage: understudy <command>/, /^$/],
  [['-h'], 0, /Commands/, /^$/],
  [['help'], 0, /understudy demo/, /^$/],
  [['help', 'run'], 0, /--sample-by KEY[\s\S]*Examples/, /^$/],
  [['run', '--help'], 0, /--sample-by KEY/, /^$/],
  [['run', '--listen', '-h'], 0, /--sample-by KEY/, /^$/],
  [['version'], 0, /^understudy 1\.2\.3 \(Node \d+\.\d+\.\d+\)\n$/, /^$/],
  [['--version'], 0, /^understudy 1\.2\.3/, /^$/],
  [['rnu'], 64, /^$/, /there is no command "rnu"\n {2}hint: did you mean: understudy run\?/],
  [['frobnicate'], 64, /^$/, /there are run, /],
  [['help', 'rum'], 64, /^$/, /did you mean: understudy run\?/],
  [['run', '--mirrors', 'x'], 64, /^$/, /there is no option --mirrors\n {2}hint: did you mean --mirror\?/],
  [['run', '-p', 'x'], 64, /^$/, /there is no option -p/],
  [['run', '--listen'], 64, /^$/, /--listen needs a value\n {2}hint: write it as --listen ADDRESS/],
  [['run', '--listen', '--primary', 'x'], 64, /^$/, /--listen needs a value/],
  [['run', '--json=yes'], 64, /^$/, /--json takes no value/],
  [['run', '--listen', 'a', '--listen', 'b'], 64, /^$/, /--listen is given more than once/],
  [
    ['run', '--writes', 'mirrors'],
    64,
    /^$/,
    /"mirrors" is not a value of --writes\n {2}hint: did you mean mirror\?/,
  ],
  [['run', 'now'], 64, /^$/, /"now" is not expected here/],
  [['run'], 64, /^$/, /neither --config nor --listen/],
  [
    ['run', '--listen', ':1', '--percent', '-5'],
    64,
    /^$/,
    /--primary: is missing[\s\S]*--percent: needs --mirror/,
  ],
  [['run', '--config', '/none.yaml'], 64, /^$/, /there is no such file/],
  [['run', '--until', 'verdicts'], 64, /^$/, /--until/],
  [['demo', '--rate', '0'], 64, /^$/, /--rate: "0" is no rate/],
  [['demo', '--rate', '1e3'], 64, /^$/, /--rate/],
  [['demo', '--duration', 'soon'], 64, /^$/, /"soon" is not a duration/],
  [['completion'], 64, /^$/, /which shell\?/],
  [['completion', 'tcsh'], 64, /^$/, /name one of bash, zsh, fish/],
];
for (const [args, code, out, err] of cases) {
  test(`understudy ${args.join(' ')} exits with ${code}`, async () => {
    const context = cliContext();
    equal(await dispatch(args, context), code);
    match(context.printed().out, out);
    match(context.printed().err, err);
  });
}

function commandThatThrows(error: unknown): Command {
  return {
    name: 'throw',
    summary: '',
    usage: '',
    options: [],
    examples: [],
    run: () => Promise.reject(error),
  };
}

test('a user error has its place and its hint, and no stack', async () => {
  const error = new UserError('the port is taken', { where: '127.0.0.1:80', hint: 'take another one' });
  const context = { ...cliContext(), commands: [commandThatThrows(error)] };
  equal(await dispatch(['throw'], context), 64);
  equal(context.printed().err, 'understudy: 127.0.0.1:80: the port is taken\n  hint: take another one\n');
});

test('an error of ours has its stack and asks to be reported', async () => {
  const context = { ...cliContext(), commands: [commandThatThrows(new Error('broken'))] };
  equal(await dispatch(['throw'], context), 70);
  match(context.printed().err, /internal error, please report it\nError: broken\n {4}at /);
});

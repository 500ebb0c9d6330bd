import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { COMMANDS } from './commands.ts';
import { completionScript, SHELLS } from './completion-script.ts';

/** What bash offers for the last of these words. */
function complete(...words: readonly string[]): readonly string[] {
  const list = words.map((word) => `'${word}'`).join(' ');
  const script = `${completionScript('bash', COMMANDS)}
COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _understudy; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-euc', script], { encoding: 'utf8' });
  equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, options, values and the names of commands', () => {
  deepEqual(complete('understudy', 'ru'), ['run']);
  deepEqual(complete('understudy', 'run', '--sam'), ['--sample-by']);
  deepEqual(complete('understudy', 'run', '--writes', ''), ['hold', 'mirror']);
  deepEqual(complete('understudy', 'help', 'vers'), ['version']);
  deepEqual(complete('understudy', 'completion', ''), ['bash', 'zsh', 'fish']);
});

test('bash completes files where an option wants one, and nothing where it wants what only the user knows', () => {
  ok(complete('understudy', 'run', '--config', 'pack').includes('package.json'));
  deepEqual(complete('understudy', 'run', '--primary', ''), []);
});

for (const shell of SHELLS) {
  test(`the script for ${shell} has every command and option, and its quotes are in pairs`, () => {
    const script = completionScript(shell, COMMANDS);
    for (const command of COMMANDS) {
      match(script, new RegExp(`\\b${command.name}\\b`));
      for (const option of command.options) match(script, new RegExp(`${option.name}\\b`));
    }
    for (const line of script.split('\n').filter((one) => !one.startsWith('#'))) {
      equal((line.match(/'/g) ?? []).length % 2, 0, line);
    }
  });
}

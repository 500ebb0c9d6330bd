import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressLine } from './progress-line.ts';

function screen(terminal: boolean, columns = 80) {
  let text = '';
  return {
    out: { write: (more: string) => void (text += more), terminal, colour: false, columns, rows: 24 },
    shown: () => text.replaceAll('\r\u001B[2K', '⟲'),
  };
}

test('is written over itself, and whole lines go above it', () => {
  const { out, shown } = screen(true);
  {
    using line = new ProgressLine(out);
    line.above(() => out.write('first log\n'));
    line.update('1 s');
    line.update('2 s');
    line.above(() => out.write('second log\n'));
  }
  equal(shown(), 'first log\n⟲1 s⟲2 s⟲second log\n2 s\n');
});

test('never wraps, or it could not be cleared', () => {
  const { out, shown } = screen(true, 10);
  new ProgressLine(out).update('0123456789abc');
  equal(shown(), '⟲012345678');
});

test('shows nothing in a pipe, or when it should not', () => {
  for (const [terminal, wanted] of [
    [false, true],
    [true, false],
  ] as const) {
    const { out, shown } = screen(terminal);
    {
      using line = new ProgressLine(out, wanted);
      line.update('1 s');
      line.above(() => out.write('log\n'));
    }
    equal(shown(), 'log\n');
  }
});

test('a text is left standing once', () => {
  const { out, shown } = screen(true);
  const line = new ProgressLine(out);
  line.update('1 s');
  line[Symbol.dispose]();
  line[Symbol.dispose]();
  equal(shown(), '⟲1 s\n');
});

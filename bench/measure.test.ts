import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { usageOf } from './measure.ts';

const skip = process.platform === 'linux' ? false : 'needs /proc';

test('counts the CPU time and memory of children and grandchildren', { skip }, async () => {
  // the shell waits; its child burns half a second and says so
  const burn =
    'const end = Date.now() + 500; while (Date.now() < end); console.log("done"); setInterval(() => {}, 1e6)';
  const shell = spawn('sh', ['-c', '"$0" -e "$1" & wait', process.execPath, burn], { detached: true });
  try {
    await once(shell.stdout, 'data');
    const { cpuMicros, rssBytes, peakBytes } = usageOf(shell.pid ?? 0);
    // a busy machine may have given it less than all of the time
    assert.ok(cpuMicros >= 50_000, `${cpuMicros} µs`);
    assert.ok(rssBytes > 20e6, `${rssBytes} bytes`);
    assert.ok(peakBytes >= rssBytes);
  } finally {
    process.kill(-(shell.pid ?? 0), 'SIGKILL');
  }
});

test('a process that is not there has used nothing', { skip }, () => {
  assert.deepEqual(usageOf(2 ** 22 + 1), { cpuMicros: 0, rssBytes: 0, peakBytes: 0 });
});

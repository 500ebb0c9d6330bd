import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, UserError } from '../kit/errors.ts';
import { silentLogger } from '../kit/log.ts';
import type { Logger } from '../kit/log.ts';
import { CaptureThread } from './capture-thread.ts';
import type { CaptureWorkerData, FromCapture, ToObserver } from './messages.ts';
import { lowerPriority } from './thread-priority.ts';

/** A capture's thread: reads packets, at a lower priority than the live workers. */
const REPORT_MS = 1000;
/** How often main hears that this thread is alive. */
const BEAT_MS = 100;

function tell(message: FromCapture): void {
  parentPort?.postMessage(message);
}

function report(): void {
  tell({ kind: 'report', report: capture.report() });
  for (const judged of capture.thread.takeJudged()) tell({ kind: 'judged', judged });
}

function leave(): void {
  parentPort?.close();
  process.exit(0);
}

const data = workerData as CaptureWorkerData;
const beat = new Int32Array(data.beat);
lowerPriority(data.settings.nice);
const log: Logger = {
  ...silentLogger,
  info: (text, fields = {}) => tell({ kind: 'log', level: 'info', text, fields }),
  warn: (text, fields = {}) => tell({ kind: 'log', level: 'warn', text, fields }),
};
const capture = new CaptureThread(data, {
  onBreaker: tell,
  onOver: (problem) => {
    report();
    tell({ kind: 'over', problem });
    leave();
  },
  log,
});
parentPort?.on('message', (message: ToObserver) => {
  switch (message.kind) {
    case 'policies':
      capture.thread.setPolicies(message.policies, message.paused);
      break;
    case 'paused':
      capture.thread.setPaused(message.paused);
      break;
    case 'drain':
      void capture.drain().then(() => {
        report();
        tell({ kind: 'drained' });
        leave();
      });
  }
});
setInterval(() => Atomics.add(beat, 0, 1), BEAT_MS);
setInterval(report, REPORT_MS);
try {
  await capture.start();
  tell({ kind: 'started', source: capture.source.description });
} catch (error) {
  const user = error instanceof UserError ? error : undefined;
  tell({ kind: 'refused', message: messageOf(error), where: user?.where ?? '', hint: user?.hint ?? '' });
  leave();
}

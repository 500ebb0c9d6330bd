import { parentPort, workerData } from 'node:worker_threads';
import type { FromObserver, ObserverWorkerData, ToObserver } from './messages.ts';
import { TapeThread } from './tape-thread.ts';
import { lowerPriority } from './thread-priority.ts';

/** An observer's thread: reads one tape, at a lower priority than the live workers. */
const REPORT_MS = 1000;

function tell(message: FromObserver): void {
  parentPort?.postMessage(message);
}

function report(): void {
  tell({ kind: 'report', report: observer.thread.report() });
  for (const judged of observer.thread.takeJudged()) tell({ kind: 'judged', judged });
}

const data = workerData as ObserverWorkerData;
lowerPriority(data.settings.nice);
const observer = new TapeThread(data, tell);
parentPort?.on('message', (message: ToObserver) => {
  switch (message.kind) {
    case 'policies':
      observer.thread.setPolicies(message.policies, message.paused);
      break;
    case 'paused':
      observer.thread.setPaused(message.paused);
      break;
    case 'drain':
      void observer.drain().then(() => {
        report();
        tell({ kind: 'drained' });
        parentPort?.close();
        process.exit(0);
      });
  }
});
setInterval(report, REPORT_MS);
observer.start();

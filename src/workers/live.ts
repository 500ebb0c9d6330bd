import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, UserError } from '../kit/errors.ts';
import { LiveListener } from '../live/listener.ts';
import type { FromLive, LiveWorkerData, ToLive } from './messages.ts';

/** A live worker's thread: one listener, and nothing else. */
const ENDPOINT_REPORT_MS = 1000;

const data = workerData as LiveWorkerData;
const listener = new LiveListener(data.listener);
listener.observe(data.tapes);

function tell(message: FromLive): void {
  parentPort?.postMessage(message);
}

parentPort?.on('message', (message: ToLive) => {
  switch (message.kind) {
    case 'observe':
      listener.observe(message.tapes);
      break;
    case 'reload':
      listener.reload(message.settings, message.primaryPem, message.certificates);
      break;
    case 'certificates':
      listener.setCertificates(message.certificates);
      break;
    case 'drain':
      void listener.drain(message.drainMs).then(() => tell({ kind: 'drained' }));
      break;
    case 'close':
      void listener[Symbol.asyncDispose]().then(() => parentPort?.close());
  }
});

let reported = '';
function reportEndpoints(): void {
  const endpoints = listener.connector.endpoints.status();
  const text = JSON.stringify(endpoints);
  if (text === reported) return;
  reported = text;
  tell({ kind: 'endpoints', endpoints });
}

// Known before it listens: whoever asks then is told.
reportEndpoints();
setInterval(reportEndpoints, ENDPOINT_REPORT_MS).unref();

try {
  tell({ kind: 'listening', port: await listener.listen() });
} catch (error) {
  const user = error instanceof UserError ? error : undefined;
  tell({ kind: 'refused', message: messageOf(error), where: user?.where ?? '', hint: user?.hint ?? '' });
}

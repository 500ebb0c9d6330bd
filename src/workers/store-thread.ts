import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, UserError } from '../kit/errors.ts';
import type { LogFields, LogLevel } from '../kit/log-line.ts';
import type { Logger } from '../kit/log.ts';
import { packExchanges } from '../store/body-transfer.ts';
import { Store } from '../store/store.ts';
import type {
  FromStore,
  StoreAnswer,
  StoreQuestion,
  StoreRefusal,
  StoreThreadData,
  ToStore,
} from './store-messages.ts';
import { lowerPriority } from './thread-priority.ts';

/** The store's thread: the only one that touches the file. It may wait for the disk; nobody waits for it. */
const TICK_MS = 1000;
/** Compressing examples can wait; users cannot. */
const NICE = 10;

function tell(message: FromStore, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

/** Has main write the lines, with those of all other threads. */
function loggerToMain(base: LogFields = {}): Logger {
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      tell({ kind: 'log', level, message, fields: { ...base, ...fields } });
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    with: (fields) => loggerToMain({ ...base, ...fields }),
  };
}

function answerTo(question: StoreQuestion): StoreAnswer {
  switch (question.kind) {
    case 'exchanges':
      return { kind: 'exchanges', page: store.exchanges(question.filter) };
    case 'exchange':
      return { kind: 'exchange', exchanges: store.exchange(question.exchange) };
    case 'verdicts':
      return { kind: 'verdicts', verdicts: store.savedVerdicts() };
    case 'minutes': {
      const { policy, mirror, after, before } = question;
      return { kind: 'minutes', minutes: store.minutes(policy, mirror, after, before) };
    }
    case 'flush':
      return { kind: 'flush' };
  }
}

function ask(id: number, question: StoreQuestion): void {
  try {
    const answer = answerTo(question);
    if (answer.kind !== 'exchange') return tell({ kind: 'answer', id, answer });
    const { exchanges, bodies } = packExchanges(answer.exchanges);
    tell({ kind: 'answer', id, answer: { kind: 'exchange', exchanges } }, [bodies]);
  } catch (error) {
    tell({ kind: 'refusal', id, refusal: refusalOf(error) });
  }
}

function refusalOf(error: unknown): StoreRefusal {
  if (error instanceof UserError) {
    const { message, code, where, hint } = error;
    return { message, code, where, hint };
  }
  return { message: messageOf(error), code: 'unavailable', where: undefined, hint: undefined };
}

lowerPriority(NICE);
const { settings } = workerData as StoreThreadData;
const store = new Store(settings, { log: loggerToMain() });
const refused = store.refused?.toUserError(settings.file ?? '');
tell({
  kind: 'opened',
  status: store.status(),
  refused: refused === undefined ? undefined : refusalOf(refused),
});
const timer = setInterval(() => {
  store.tick();
  tell({ kind: 'status', status: store.status() });
}, TICK_MS);
parentPort?.on('message', (message: ToStore) => {
  switch (message.kind) {
    case 'write':
      store.write(message.batch);
      tell({ kind: 'written', status: store.status() });
      break;
    case 'ask':
      ask(message.id, message.question);
      break;
    case 'close':
      clearInterval(timer);
      store[Symbol.dispose]();
      tell({ kind: 'closed', status: store.status() });
      parentPort?.close();
  }
});

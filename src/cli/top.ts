import { messageOf } from '../kit/errors.ts';
import type { AdminClient } from './admin-client.ts';
import type { Command, Context, Input } from './command.ts';
import { EXIT, valueOf } from './command.ts';
import { DEFAULT_INTERVAL, intervalOf, keepAlive } from './interval.ts';
import { Interruption } from './interruption.ts';
import { ADMIN_OPTIONS, adminOf } from './source-options.ts';
import type { TopLook, TopView } from './top-view.ts';
import { drawn, eventText, topLine, topLines } from './top-view.ts';

/** The alternate screen without a cursor, and back (xterm's DECSET 1049 and DECTCEM). */
const [ENTER, LEAVE] = ['\u001B[?1049h\u001B[?25l', '\u001B[?25h\u001B[?1049l'];
const EVENTS_KEPT = 20;
/** Time before a stream of events that broke is asked for again. */
const RECONNECT_MS = 2000;

export const top: Command = {
  name: 'top',
  summary: 'Watch a running instance: traffic, verdicts, worst findings, latency',
  usage: '[--admin URL] [--interval TIME]',
  description:
    'Draws the screen anew at each interval; q or Ctrl-C ends it and gives the terminal back as it was. In a pipe it writes one line for each interval.',
  options: [
    ...ADMIN_OPTIONS,
    { name: 'interval', value: 'TIME', help: `time between two looks (default ${DEFAULT_INTERVAL})` },
  ],
  examples: [
    { what: 'the instance on this machine', command: 'understudy top' },
    { what: 'over a Unix socket', command: 'understudy top --admin unix:/run/understudy.sock' },
    { what: 'a line each minute into a log', command: 'understudy top --interval 1m >> understudy.log' },
  ],
  run: runTop,
};

async function runTop(input: Input, context: Context): Promise<number> {
  const intervalMs = intervalOf(valueOf(input, 'interval') ?? DEFAULT_INTERVAL);
  const client = adminOf(input, context);
  const { out, clock, signals } = context;
  // What cannot be asked at all is said before the screen is taken.
  let now = await lookAt(client, clock.monotonic());
  using interruption = new Interruption(signals, ['SIGINT', 'SIGTERM', 'SIGHUP'], clock);
  using _alive = keepAlive();
  const ended = new AbortController();
  const events: string[] = [];
  const following = follow(client, events, context, ended.signal);
  let view: TopView = { url: client.url, now, before: undefined, events, trouble: undefined };
  using screen = out.terminal ? takeScreen(context, () => view) : undefined;
  const quit = Promise.race([interruption.next(), screen?.quit ?? new Promise<never>(() => {})]);
  const stopped = quit.then(() => true as const);
  try {
    for (;;) {
      if (screen === undefined) out.write(`${topLine(view)}\n`);
      else screen.draw();
      const waited = new Promise<boolean>((resolve) => {
        clock.after(intervalMs, () => resolve(false));
      });
      if (await Promise.race([waited, stopped])) return EXIT.done;
      try {
        const next = await Promise.race([lookAt(client, clock.monotonic()), stopped]);
        if (next === true) return EXIT.done;
        view = { ...view, before: now, now: next, trouble: undefined };
        now = next;
      } catch (error) {
        // It may come back: an instance that is started anew, a network that is mended.
        view = { ...view, before: undefined, trouble: messageOf(error) };
        if (screen === undefined) context.err.write(`understudy: ${messageOf(error)}\n`);
      }
    }
  } finally {
    ended.abort();
    await following;
  }
}

async function lookAt(client: AdminClient, at: number): Promise<TopLook> {
  const [summary, policies] = await Promise.all([client.summary(), client.policies()]);
  const verdicts = await Promise.all(
    // A policy that has no verdict yet, or is gone since, is shown without.
    policies.map(({ name }) => client.verdict(name).catch(() => undefined)),
  );
  return { at, summary, policies, verdicts: verdicts.filter((verdict) => verdict !== undefined) };
}

/** Notes what happens, and connects again when the stream breaks. */
async function follow(
  client: AdminClient,
  events: string[],
  { clock }: Context,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of client.events(signal)) {
        const text = eventText(event);
        if (text === undefined) continue;
        events.push(`${new Date(event.at).toISOString().slice(11, 19)} ${text}`);
        if (events.length > EVENTS_KEPT) events.shift();
      }
    } catch {
      // The looks tell what is wrong.
    }
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(RECONNECT_MS, resolve);
      signal.addEventListener('abort', () => (cancel(), resolve()), { once: true });
    });
  }
}

interface TakenScreen extends Disposable {
  draw(): void;
  /** Resolves when a key ends it. */
  readonly quit: Promise<void>;
}

/** Takes the terminal: the alternate screen, keys, its size. Disposing gives it back. */
function takeScreen({ out, keyboard }: Context, view: () => TopView): TakenScreen {
  const { promise, resolve } = Promise.withResolvers<void>();
  const draw = (): void => out.write(drawn(topLines(view(), out)));
  const unlisten = keyboard?.listen((key) => {
    if (key === 'q' || key === 'Q' || key === '\u0003' || key === '\u0004') resolve();
  });
  const forget = keyboard?.onResize(draw);
  out.write(ENTER);
  return {
    draw,
    quit: promise,
    [Symbol.dispose]() {
      unlisten?.();
      forget?.();
      out.write(LEAVE);
    },
  };
}

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Subscription } from '../kit/broadcast.ts';
import type { AdminEvent } from '../model/status.ts';

/** A comment that opens the stream through buffering proxies, and the time after which a reader connects again, ms. */
const OPENING = ': understudy events\nretry: 2000\n\n';

/**
 * Writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) until the subscription or
 * the reader ends. Waits for a slow reader; what it misses meanwhile is counted by the subscription and told to it.
 *
 * @param first sent before anything else, so that a reader has something to show at once
 */
export async function streamEvents(
  out: Writable,
  first: AdminEvent,
  events: Subscription<AdminEvent>,
  signal: AbortSignal,
): Promise<void> {
  let told = 0;
  out.write(OPENING + eventText(first.type, first));
  for await (const event of events) {
    let text = eventText(event.type, event);
    if (events.dropped > told) {
      text = eventText('dropped', { type: 'dropped', events: events.dropped - told }) + text;
      told = events.dropped;
    }
    if (!out.write(text)) await once(out, 'drain', { signal });
  }
}

function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

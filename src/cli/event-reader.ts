import type { AdminEvent } from '../model/status.ts';

/** Longest event that is read; a summary has a few KiB. */
const EVENT_CHARS = 4 * 1024 * 1024;

/**
 * Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) as the
 * admin API writes them: one line of JSON each. Others, and those that are not JSON, are passed over.
 *
 * @throws Error when an event is too long
 */
export async function* readEvents(stream: AsyncIterable<Uint8Array>): AsyncGenerator<AdminEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    if (rest.length > EVENT_CHARS) throw new Error('an event is too long');
    for (const line of lines) {
      const event = eventOf(line);
      if (event !== undefined) yield event;
    }
  }
}

function eventOf(line: string): AdminEvent | undefined {
  if (!line.startsWith('data:')) return undefined;
  try {
    const event = JSON.parse(line.slice('data:'.length)) as AdminEvent | null;
    return typeof event?.type === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}

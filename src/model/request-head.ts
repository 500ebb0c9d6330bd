import type { RequestHead } from './exchange.ts';

/**
 * A request head from its parts, for requests that did not come from a connection.
 *
 * @param target as sent: `/path?query`, an absolute URI, `host:port` (CONNECT) or `*`
 */
export function requestHead(
  method: string,
  target: string,
  fields: readonly (readonly [name: string, value: string])[] = [],
): RequestHead {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target);
  const origin = absolute === null ? target : target.slice(absolute[0].length);
  const question = origin.indexOf('?');
  const header = (name: string): string | undefined =>
    fields.find(([field]) => field.toLowerCase() === name)?.[1];
  return {
    method,
    target,
    path: question < 0 ? origin : origin.slice(0, question),
    query: question < 0 ? '' : origin.slice(question + 1),
    authority: absolute?.[1] ?? header('host') ?? '',
    header,
    headers: () => fields,
  };
}

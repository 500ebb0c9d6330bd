/** Where a thread of this program begins: `.ts` in a checkout, `.js` in the published package. */
export function workerEntry(name: 'live' | 'observer' | 'capture' | 'store-thread'): URL {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  return new URL(`./${name}${ending}`, import.meta.url);
}

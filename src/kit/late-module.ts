import { createRequire } from 'node:module';

/**
 * A module of ours that is loaded when it is first used, for parts that stand on large packages and are seldom needed: each
 * thread would hold what they load, and a thread that never sees HTML needs no parser for it.
 *
 * @param from `import.meta.url` of the file that asks
 * @param path relative to it, without its ending
 */
export function lateModule<Module>(from: string, path: string): () => Module {
  let loaded: Module | undefined;
  // `.ts` in a checkout, `.js` in the published package.
  const ending = from.slice(from.lastIndexOf('.'));
  return () => (loaded ??= createRequire(from)(`${path}${ending}`) as Module);
}

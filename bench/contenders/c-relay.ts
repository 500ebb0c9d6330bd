import { findBinary, versionOf } from '../binaries.ts';
import { compile } from '../compile.ts';
import type { Absent, Contender } from './contender.ts';

const NAME = 'c-relay';

/** The limit: relay.c, compiled when it is needed. */
export function cRelay(): Contender | Absent {
  const compiler = findBinary('gcc') ?? findBinary('cc');
  if (compiler === undefined) return { name: NAME, absent: 'no C compiler (gcc) found' };
  return {
    name: NAME,
    modes: ['plain', 'mirror'],
    tls: false,
    http2: false,
    version: `gcc ${versionOf(compiler, '-dumpfullversion')}`,
    prepare(site) {
      const ports = [
        site.port,
        site.primaryPort,
        ...(site.mirrorPort === undefined ? [] : [site.mirrorPort]),
      ];
      return { file: compile(compiler, 'relay.c', site.folder), args: ports.map(String) };
    },
  };
}

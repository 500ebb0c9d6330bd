import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { HEADERS } from '../scenarios.ts';
import type { Absent, Contender, Site } from './contender.ts';

const NAME = 'understudy';
const LAUNCHER = fileURLToPath(new URL('../../bin/understudy', import.meta.url));
const PACKAGE = new URL('../../package.json', import.meta.url);

/** Understudy from its sources; copies by a policy with two header matches, all limits and metrics on. */
export function understudy(): Contender | Absent {
  if (!existsSync(LAUNCHER)) return { name: NAME, absent: 'bin/understudy is not there' };
  return {
    name: NAME,
    modes: ['plain', 'mirror'],
    tls: true,
    version: `${(JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version}, Node ${process.versions.node}`,
    prepare(site) {
      const path = join(site.folder, 'understudy.yaml');
      writeFileSync(path, stringify(settings(site)));
      return { file: LAUNCHER, args: ['run', '--config', path] };
    },
  };
}

function settings(site: Site): object {
  const listener = {
    name: 'bench',
    listen: `127.0.0.1:${site.port}`,
    primary: `http://127.0.0.1:${site.primaryPort}`,
    workers: 1,
    ...(site.tls === undefined ? {} : { tls: { cert: site.tls.cert, key: site.tls.key } }),
  };
  return {
    admin: { listen: `127.0.0.1:${site.adminPort}` },
    listeners: [listener],
    // At the default of 10 the live path takes a core that is used up for itself, and next to nothing is copied. The
    // others copy everything, at their users' expense; so that the same is compared, observers get the same share here.
    ...(site.mirrorPort === undefined ? {} : { observer: { nice: 0 }, policies: [policy(site.mirrorPort)] }),
  };
}

function policy(mirrorPort: number): object {
  const headers = Object.entries(HEADERS).map(([name, value]) => ({ type: 'Exact', name, value }));
  return {
    name: 'bench',
    matches: [{ headers }],
    percent: 100,
    writes: 'mirror',
    mirrors: [{ name: 'copy', url: `http://127.0.0.1:${mirrorPort}` }],
    limits: { concurrency: 64 },
  };
}

import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { HEADERS } from '../scenarios.ts';
import type { Absent, Contender, Site } from './contender.ts';

const NAME = 'understudy';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Inside the checkout, so that what the package depends on is found. */
const PACKAGE = join(ROOT, 'out', 'package');

/** Understudy as it is published: compiled. Copies by a policy with two header matches, all limits and metrics on. */
export function understudy(): Contender | Absent {
  const { status, stdout } = spawnSync(
    join(ROOT, 'node_modules', '.bin', 'tsc'),
    ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(PACKAGE, 'dist')],
    { encoding: 'utf8' },
  );
  if (status !== 0) return { name: NAME, absent: `it does not compile: ${stdout}` };
  cpSync(join(ROOT, 'package.json'), join(PACKAGE, 'package.json'));
  cpSync(join(ROOT, 'bin'), join(PACKAGE, 'bin'), { recursive: true });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  return {
    name: NAME,
    modes: ['plain', 'mirror'],
    tls: true,
    http2: true,
    version: `${version}, Node ${process.versions.node}`,
    prepare(site) {
      const path = join(site.folder, 'understudy.yaml');
      writeFileSync(path, stringify(settings(site)));
      return {
        file: join(PACKAGE, 'bin', 'understudy'),
        args: ['run', '--config', path],
        env: { UNDERSTUDY_NODE: process.execPath },
      };
    },
  };
}

function settings(site: Site): object {
  const scheme = site.http2 ? 'h2c' : 'http';
  const listener = {
    name: 'bench',
    listen: `127.0.0.1:${site.port}`,
    primary: `${scheme}://127.0.0.1:${site.primaryPort}`,
    workers: 1,
    ...(site.tls === undefined ? {} : { tls: { cert: site.tls.cert, key: site.tls.key } }),
  };
  return {
    admin: { listen: `127.0.0.1:${site.adminPort}` },
    listeners: [listener],
    // At the default of 10 the live path takes a core that is used up for itself, and next to nothing is copied. The
    // others copy everything, at their users' expense; so that the same is compared, observers get the same share here.
    ...(site.mirrorPort === undefined
      ? {}
      : {
          observer: { nice: 0 },
          policies: [policy(`${scheme}://127.0.0.1:${site.mirrorPort}`, site.http2)],
        }),
  };
}

function policy(mirror: string, http2: boolean): object {
  const headers = Object.entries(HEADERS).map(([name, value]) => ({ type: 'Exact', name, value }));
  return {
    name: 'bench',
    matches: [{ headers }],
    percent: 100,
    writes: 'mirror',
    mirrors: [{ name: 'copy', url: mirror }],
    // As many as the load has under way at once: 8 connections of 16 streams, or 32 connections.
    limits: { concurrency: http2 ? 128 : 64 },
  };
}

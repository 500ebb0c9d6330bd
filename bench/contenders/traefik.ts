import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findBinary, versionOf } from '../binaries.ts';
import type { Absent, Contender, Site } from './contender.ts';

const NAME = 'traefik';

/** Traefik with the file provider; copies by a `mirroring` service, limits and timeouts as they come. */
export function traefik(): Contender | Absent {
  const file = findBinary('traefik');
  if (file === undefined) return { name: NAME, absent: 'no traefik found' };
  return {
    name: NAME,
    modes: ['plain', 'mirror'],
    tls: true,
    http2: false,
    version: versionOf(file, 'version'),
    prepare(site) {
      const dynamic = join(site.folder, 'dynamic.yml');
      const main = join(site.folder, 'traefik.yml');
      writeFileSync(dynamic, stringify({ http: http(site), ...certificates(site) }));
      writeFileSync(main, stringify(statics(site, dynamic)));
      return { file, args: [`--configFile=${main}`] };
    },
  };
}

function statics(site: Site, dynamic: string): object {
  return {
    entryPoints: { bench: { address: `127.0.0.1:${site.port}` } },
    providers: { file: { filename: dynamic, watch: false } },
    global: { checkNewVersion: false, sendAnonymousUsage: false },
    log: { level: 'ERROR' },
  };
}

function http(site: Site): object {
  const mirrors = site.mirrorPort !== undefined;
  const router = {
    rule: 'PathPrefix(`/`)',
    entryPoints: ['bench'],
    service: mirrors ? 'both' : 'primary',
    ...(site.tls === undefined ? {} : { tls: {} }),
  };
  const both = { mirroring: { service: 'primary', mirrors: [{ name: 'mirror', percent: 100 }] } };
  return {
    routers: { bench: router },
    services: {
      primary: service(site.primaryPort),
      ...(mirrors ? { mirror: service(site.mirrorPort), both } : {}),
    },
  };
}

function service(port: number): object {
  return { loadBalancer: { servers: [{ url: `http://127.0.0.1:${port}` }] } };
}

function certificates(site: Site): object {
  if (site.tls === undefined) return {};
  const certificate = { certFile: site.tls.cert, keyFile: site.tls.key };
  return {
    tls: { certificates: [certificate], stores: { default: { defaultCertificate: certificate } } },
  };
}

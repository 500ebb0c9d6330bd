import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary, versionOf } from '../binaries.ts';
import { nginxConfig } from '../nginx-config.ts';
import type { Absent, Contender, Site } from './contender.ts';

const NAME = 'nginx';

/** nginx with keep-alive connections to its upstreams; copies by `mirror`, timeouts as it comes. */
export function nginx(): Contender | Absent {
  const file = findBinary('nginx');
  if (file === undefined) return { name: NAME, absent: 'no nginx found' };
  return {
    name: NAME,
    modes: ['plain', 'mirror'],
    tls: true,
    http2: false,
    version: versionOf(file, '-v'),
    prepare(site) {
      const path = join(site.folder, 'nginx.conf');
      writeFileSync(path, nginxConfig(site.folder, server(site)));
      return { file, args: ['-e', 'stderr', '-c', path] };
    },
  };
}

/**
 * nginx never reuses a connection to a mirror (the subrequest ends with the answer's head). Asking the mirror to close
 * is its best case: when nginx is the one that closes, used ports pile up and a request costs up to 1.7 times as much.
 */
const MIRROR = `location = /mirror {
  internal;
  proxy_http_version 1.0;
  proxy_set_header Connection close;
  proxy_set_header Host $http_host;
  proxy_pass http://mirror$request_uri;
}`;

function server(site: Site): string {
  const certificate =
    site.tls === undefined ? '' : `ssl_certificate ${site.tls.cert}; ssl_certificate_key ${site.tls.key};`;
  const mirrors = site.mirrorPort !== undefined;
  return `
    ${upstream('primary', site.primaryPort)}
    ${mirrors ? `upstream mirror { server 127.0.0.1:${site.mirrorPort}; }` : ''}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_buffer_size 16k;
    proxy_buffers 16 16k;
    server {
      listen 127.0.0.1:${site.port} ${site.tls === undefined ? '' : 'ssl'} backlog=4096;
      ${certificate}
      location / { ${mirrors ? 'mirror /mirror;' : ''} proxy_pass http://primary; }
      ${mirrors ? MIRROR : ''}
    }`;
}

function upstream(name: string, port: number): string {
  return `upstream ${name} { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 1000000000; }`;
}

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { httpGet } from './ask.ts';
import { nginxConfig } from './nginx-config.ts';
import { freePort, untilListening } from './ports.ts';
import type { Processes } from './processes.ts';
import { largeBody, SMALL_BODY } from './scenarios.ts';

/** An nginx that answers with fixed bodies and counts what it was asked. */
export interface Backend {
  readonly port: number;
  readonly tlsPort: number;
  /** HTTP/2 by prior knowledge. */
  readonly http2Port: number;
  /** Requests so far, without those of this function. */
  requests(): Promise<number>;
}

export interface BackendSetup {
  readonly name: 'primary' | 'mirror';
  readonly folder: string;
  readonly nginx: string;
  readonly cores: string;
  readonly certificate: { readonly cert: string; readonly key: string };
  /** Port of the checker, to which `/check/` goes on. */
  readonly checkPort: number;
}

/** Starts a backend: `/small` and `/large` are fixed, `/check/` is answered by the checker of this process. */
export async function startBackend(processes: Processes, setup: BackendSetup): Promise<Backend> {
  const folder = join(setup.folder, setup.name);
  mkdirSync(folder);
  const [port, tlsPort] = [await freePort(), await freePort()];
  const [http2Port, statusPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, 'large'), largeBody());
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, config(setup, folder, { port, tlsPort, http2Port, statusPort }));
  const child = processes.start(setup.cores, { file: setup.nginx, args: ['-e', 'stderr', '-c', file] });
  try {
    await untilListening(statusPort, 5000, child.ended);
  } catch (error) {
    throw new Error(`${setup.name} backend: ${child.complaint()}`, { cause: error });
  }
  let asked = 0;
  return {
    port,
    tlsPort,
    http2Port,
    async requests() {
      const page = await httpGet(statusPort, '/');
      asked++;
      // stub_status: "server accepts handled requests" and below it the three numbers
      const numbers = page.body.toString().match(/^ (\d+) (\d+) (\d+) $/m);
      return Number(numbers?.[3]) - asked;
    },
  };
}

function config(
  setup: BackendSetup,
  folder: string,
  ports: { port: number; tlsPort: number; http2Port: number; statusPort: number },
): string {
  return nginxConfig(
    folder,
    `open_file_cache max=16 inactive=600s;
     server {
       listen 127.0.0.1:${ports.port} backlog=4096;
       listen 127.0.0.1:${ports.tlsPort} ssl backlog=4096;
       listen 127.0.0.1:${ports.http2Port} http2 backlog=4096;
       ssl_certificate ${setup.certificate.cert};
       ssl_certificate_key ${setup.certificate.key};
       default_type application/json;
       location = /small { return 200 '${SMALL_BODY}'; }
       location = /large { root ${folder}; }
       location /check/ {
         proxy_pass http://127.0.0.1:${setup.checkPort}/${setup.name}/;
         proxy_http_version 1.1;
         proxy_request_buffering off;
         proxy_buffering off;
       }
     }
     server { listen 127.0.0.1:${ports.statusPort}; location / { stub_status; } }`,
  );
}

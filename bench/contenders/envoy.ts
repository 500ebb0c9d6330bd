import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary, versionOf } from '../binaries.ts';
import type { Absent, Contender, Site } from './contender.ts';

const NAME = 'envoy';
const HTTP_MANAGER =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** Envoy with one worker; copies by `request_mirror_policies`, limits and timeouts as they come. */
export function envoy(): Contender | Absent {
  const file = findBinary('envoy');
  if (file === undefined) return { name: NAME, absent: 'no envoy found' };
  return {
    name: NAME,
    modes: ['plain', 'mirror'],
    tls: true,
    http2: true,
    version: versionOf(file, '--version').replace(/\/.*/, ''),
    prepare(site) {
      const path = join(site.folder, 'envoy.json');
      writeFileSync(path, JSON.stringify(bootstrap(site)));
      return { file, args: ['-c', path, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'] };
    },
  };
}

function bootstrap(site: Site): object {
  const mirrors = site.mirrorPort !== undefined;
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'primary', ...(mirrors ? { request_mirror_policies: [{ cluster: 'mirror' }] } : {}) },
  };
  const manager = {
    '@type': HTTP_MANAGER,
    stat_prefix: 'bench',
    route_config: { virtual_hosts: [{ name: 'bench', domains: ['*'], routes: [route] }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const chain = {
    filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
    ...(site.tls === undefined ? {} : { transport_socket: tlsSocket(site.tls) }),
  };
  return {
    static_resources: {
      listeners: [{ name: 'bench', address: address(site.port), filter_chains: [chain] }],
      clusters: [
        cluster('primary', site.primaryPort, site.http2),
        ...(mirrors ? [cluster('mirror', site.mirrorPort, site.http2)] : []),
      ],
    },
  };
}

function tlsSocket(files: { readonly cert: string; readonly key: string }): object {
  const certificate = { certificate_chain: { filename: files.cert }, private_key: { filename: files.key } };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: { tls_certificates: [certificate] },
    },
  };
}

function cluster(name: string, port: number, http2: boolean): object {
  const http2Options = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  return {
    name,
    ...(http2 ? { typed_extension_protocol_options: http2Options } : {}),
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

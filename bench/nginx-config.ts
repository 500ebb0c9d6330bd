import { join } from 'node:path';

/** Connections one nginx worker may hold; as many as the file descriptors of a process usually allow. */
const CONNECTIONS = 19_900;

/** A configuration for one nginx worker that keeps everything in `folder`, logs nothing and keeps connections open. */
export function nginxConfig(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    worker_processes 1;
    pid ${join(folder, 'nginx.pid')};
    error_log stderr error;
    events { worker_connections ${CONNECTIONS}; }
    http {
      access_log off;
      server_tokens off;
      sendfile on;
      tcp_nopush on;
      keepalive_timeout 600s;
      keepalive_requests 1000000000;
      client_max_body_size 0;
      ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n')}
      ${http}
    }`;
}

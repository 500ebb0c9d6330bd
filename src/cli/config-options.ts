import type { ConfigFlags } from '../config/flags.ts';
import type { Input, Option } from './command.ts';
import { valueOf } from './command.ts';

/** The options that stand for a configuration, the same for every command that reads one. */
export const CONFIG_OPTIONS: readonly Option[] = [
  { name: 'config', value: 'FILE', help: 'configuration file; it is taken in again whenever it changes' },
  { name: 'listen', value: 'ADDRESS', help: 'where clients connect: 127.0.0.1:8080, :8080 or unix:/path' },
  {
    name: 'primary',
    value: 'URL',
    help: 'service that answers: http://, https://, h2c:// or unix:/path',
    many: true,
  },
  {
    name: 'capture',
    value: 'SOURCE',
    help: 'packets to observe: an interface (eth0, any), a pcap file, - (standard input), vxlan://0.0.0.0:4789, geneve://0.0.0.0:6081 or pcap-over-ip://HOST:PORT',
    many: true,
  },
  {
    name: 'capture-filter',
    value: 'BPF',
    help: "which packets of an interface, as tcpdump takes it: 'port 80'",
  },
  { name: 'namespace', value: 'NAME', help: 'network namespace of the interface' },
  {
    name: 'server-ports',
    value: 'PORTS',
    help: 'ports of servers, with commas: for connections whose begin was not captured',
  },
  { name: 'key-log', value: 'FILE', help: 'TLS key log (SSLKEYLOGFILE) to decrypt captures with' },
  {
    name: 'capture-output',
    value: 'ADDRESS',
    help: 'give the decoded traffic of the first capture out there, as pcap-over-IP for Wireshark',
  },
  {
    name: 'mirror',
    value: '[NAME=]URL',
    help: 'service that gets copies; its answers reach nobody',
    many: true,
  },
  {
    name: 'control',
    value: 'URL',
    help: "second instance of the primary's version, to tell noise from change",
  },
  { name: 'percent', value: 'SHARE', help: 'share of the requests that is copied, 0 to 100 (default 100)' },
  {
    name: 'sample-by',
    value: 'KEY',
    help: 'what decides who is in the sample: random (default), source-ip, header:NAME or cookie:NAME',
  },
  {
    name: 'writes',
    value: 'hold|mirror',
    values: ['hold', 'mirror'],
    help: 'whether requests that may change something are held back (default) or copied',
  },
  {
    name: 'ignore',
    value: 'PATH',
    help: 'differences that say nothing: body.generatedAt, header.x-build, body.stats.**',
    many: true,
  },
  {
    name: 'store',
    value: 'FILE',
    help: 'SQLite file that verdicts and examples are kept in (default: in memory)',
  },
  { name: 'admin', value: 'ADDRESS', help: 'where the admin API listens (default 127.0.0.1:9900), or off' },
  { name: 'log', value: 'LEVEL[,FORMAT]', help: 'debug, info, warn or error; auto, json or text' },
];

export function configFlags(input: Input): ConfigFlags {
  return {
    config: valueOf(input, 'config'),
    listen: valueOf(input, 'listen'),
    primary: input.options['primary'],
    mirror: input.options['mirror'],
    capture: input.options['capture'],
    captureFilter: valueOf(input, 'capture-filter'),
    namespace: valueOf(input, 'namespace'),
    serverPorts: valueOf(input, 'server-ports'),
    keyLog: valueOf(input, 'key-log'),
    captureOutput: valueOf(input, 'capture-output'),
    control: valueOf(input, 'control'),
    percent: valueOf(input, 'percent'),
    sampleBy: valueOf(input, 'sample-by'),
    writes: valueOf(input, 'writes'),
    ignore: input.options['ignore'],
    store: valueOf(input, 'store'),
    admin: valueOf(input, 'admin'),
    log: valueOf(input, 'log'),
  };
}

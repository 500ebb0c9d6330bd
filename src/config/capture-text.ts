import { addressText } from '../model/address.ts';
import type { CaptureSettings, CaptureSourceSettings } from '../model/capture.ts';
import type { SourceKey } from './capture-schema.ts';

/** Endings of names that are taken for files. */
const FILE_ENDINGS = /\.(?:pcap|pcapng|cap|dmp|trace|gz)$/i;
const SCHEMES: Readonly<Record<string, SourceKey>> = {
  vxlan: 'vxlan',
  geneve: 'geneve',
  'pcap-over-ip': 'pcapOverIp',
  tcp: 'pcapOverIp',
  file: 'file',
};
/** The ports that these datagrams have by RFC 7348 and RFC 8926. */
const PORTS: Readonly<Record<string, number>> = { vxlan: 4789, geneve: 6081 };

/**
 * A source as it is written on the command line, as a file would hold it: `-`, a path, `vxlan://0.0.0.0:4789`,
 * `geneve://…`, `pcap-over-ip://host:port`, or the name of an interface. What is wrong with it is for the schema to say.
 */
export function writtenSource(text: string): { readonly key: SourceKey; readonly value: string } {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9-]*):\/\/(.*)$/is.exec(text) ?? [];
  const key = SCHEMES[scheme.toLowerCase()];
  if (key !== undefined) {
    const port = PORTS[key];
    const bare = port !== undefined && !/:\d*$/.test(rest.replace(/^\[[^\]]*\]/, ''));
    return { key, value: bare ? `${rest}:${port}` : rest };
  }
  const file = text === '-' || /[\\/]/.test(text) || FILE_ENDINGS.test(text);
  return { key: file ? 'file' : 'interface', value: text };
}

/** Where the packets of a capture come from, for people. */
export function sourceText(source: CaptureSourceSettings): string {
  switch (source.kind) {
    case 'interface':
      return (
        `interface ${source.interface}` +
        (source.namespace === undefined ? '' : ` in namespace ${source.namespace}`) +
        (source.filter === undefined ? '' : `, ${source.filter}`)
      );
    case 'vxlan':
    case 'geneve': {
      const { kind, listen, vnis } = source;
      return `${kind} on ${addressText(listen)}${vnis.length === 0 ? '' : `, VNI ${vnis.join(', ')}`}`;
    }
    case 'file': {
      const { path, follow, pace } = source;
      const name = path === '-' ? 'standard input' : path;
      return `${name}${follow ? ', followed' : ''}${pace === 'recorded' ? ', in its own time' : ''}`;
    }
    case 'pcap-over-ip':
      return `pcap-over-IP from ${addressText(source.address)}`;
  }
}

/** Whether a capture comes to an end by itself. */
export function endsByItself({ source }: CaptureSettings): boolean {
  return source.kind === 'file' && !source.follow;
}

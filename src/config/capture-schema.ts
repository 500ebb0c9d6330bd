import type { z } from 'zod';
import { UserError } from '../kit/errors.ts';
import type { CaptureSettings, CaptureSourceSettings } from '../model/capture.ts';
import type { Address } from '../model/settings.ts';
import { parseAddress } from './address.ts';
import { checkName } from './checks.ts';
import type { Surroundings } from './surroundings.ts';
import { choice, duration, flag, integer, list, section, size, text } from './value.ts';

const SECOND = 1000;
const HOUR = 3_600_000;
const KIB = 1024;
const MIB = 1024 * KIB;

/** The keys of which a capture has exactly one: where its packets come from. */
export const SOURCE_KEYS = ['interface', 'vxlan', 'geneve', 'file', 'pcapOverIp'] as const;
export type SourceKey = (typeof SOURCE_KEYS)[number];

/** Keys that only some sources have, and which. */
const KEYS_OF: Readonly<Record<string, readonly SourceKey[]>> = {
  namespace: ['interface'],
  filter: ['interface'],
  snapLength: ['interface'],
  program: ['interface'],
  buffer: ['interface', 'vxlan', 'geneve'],
  vnis: ['vxlan', 'geneve'],
  follow: ['file'],
  pace: ['file'],
};

const DEFAULT_SNAP_BYTES = 262_144;
const DEFAULT_RING_BYTES = 16 * MIB;
const DEFAULT_RECEIVE_BYTES = 32 * MIB;

export function captureSchema(surroundings: Surroundings): z.ZodType<CaptureSettings> {
  return section({
    name: text(
      'name',
      {
        description: 'The name of this tap, in policies, metrics and the dashboard.',
        examples: ['mirror-port'],
      },
      checkName,
    ),
    interface: text(
      'text',
      {
        description:
          'A network interface, or `any`: `dumpcap` or `tcpdump` is started for it. For SPAN ports, `tc … mirred`, TEE, and ERSPAN or GRE in whatever depth.',
        examples: ['eth1', 'any'],
      },
      checkInterface,
    ).optional(),
    vxlan: text(
      'address',
      {
        description:
          'UDP address that mirror sessions send VXLAN to (RFC 7348), as AWS VPC Traffic Mirroring does.',
        examples: ['0.0.0.0:4789'],
      },
      checkUdp,
    ).optional(),
    geneve: text(
      'address',
      {
        description:
          'UDP address that GENEVE is sent to (RFC 8926), as an AWS Gateway Load Balancer or Open vSwitch does.',
        examples: ['0.0.0.0:6081'],
      },
      checkUdp,
    ).optional(),
    file: text(
      'file',
      {
        description: 'A pcap or pcapng file, also with gzip; `-` is standard input.',
        examples: ['monday.pcapng', '-'],
      },
      (path) => checkFile(surroundings, path),
    ).optional(),
    pcapOverIp: text(
      'address',
      {
        description:
          'A peer that writes pcap on a TCP connection, `host:port`; it is connected to again when it goes away.',
        examples: ['10.0.0.9:57012'],
      },
      parseAddress,
    ).optional(),
    namespace: text(
      'text',
      {
        description: 'For `interface`: the network namespace it is in, a name of `ip netns` or a path.',
        otherwise: 'the one that Understudy runs in',
        examples: ['blue', '/proc/4711/ns/net'],
      },
      checkPlain,
    ).optional(),
    filter: text(
      'text',
      {
        description: 'For `interface`: a BPF filter as tcpdump takes it. It looks at the outermost headers.',
        otherwise: 'everything',
        examples: ['tcp port 8080'],
      },
      checkPlain,
    ).optional(),
    snapLength: size(
      {
        description:
          'For `interface`: bytes kept of each packet. What is cut off is missing, and its exchanges are incomplete.',
        otherwise: '`262144`',
        examples: [262_144],
      },
      { min: 96, max: 262_144 },
    ).optional(),
    buffer: size(
      {
        description:
          'Asked of the kernel for packets that wait: the ring of an interface, or the receive buffer of a socket (net.core.rmem_max bounds it).',
        otherwise: '`16MiB` for an interface, `32MiB` for `vxlan` and `geneve`',
        examples: ['64MiB'],
      },
      { min: 64 * KIB, max: 2048 * MIB - 1 },
    ).optional(),
    program: choice(
      {
        description: 'For `interface`: what captures. `auto` is tcpdump where there is one, or dumpcap.',
        otherwise: '`auto`',
      },
      ['auto', 'dumpcap', 'tcpdump'],
    ).optional(),
    vnis: list(
      integer({ description: 'A VXLAN or GENEVE network identifier.' }, { min: 0, max: 0xff_ff_ff }),
      {
        description: 'For `vxlan` and `geneve`: the network identifiers that are let in; others are counted.',
        otherwise: 'all',
        examples: [[5_569_041]],
      },
      { min: 1, max: 4096 },
    ).optional(),
    follow: flag({
      description: 'For `file`: goes on at its end, as `tail -f` does, while another program writes it.',
      otherwise: '`false`',
    }).optional(),
    pace: choice(
      {
        description: 'For `file`: as fast as it can be read, or in the time in which it was recorded.',
        otherwise: '`fast`',
      },
      ['fast', 'recorded'],
    ).optional(),
    serverPorts: list(
      integer({ description: 'A port.' }, { min: 1, max: 65_535 }),
      {
        description:
          'Ports that servers listen on: they tell the server of a connection whose handshake was not captured.',
        otherwise: 'the first bytes tell',
        examples: [[80, 8080]],
      },
      { min: 0, max: 1024 },
    ).prefault([]),
    overlap: choice(
      {
        description:
          'Whose bytes count where captured segments overlap and contradict each other: the first or the last. Such exchanges are `guessed`.',
      },
      ['first', 'last'],
    ).prefault('first'),
    keyLog: text(
      'file',
      {
        description:
          'TLS key log of the servers or clients (SSLKEYLOGFILE, NSS format); it is followed as it grows. Without it TLS is opaque, and counted with its server names.',
        examples: ['keys.log'],
      },
      (path) => (path === '-' ? refuseStandardInput() : checkFile(surroundings, path)),
    ).optional(),
    output: text(
      'address',
      {
        description:
          'Where what was decoded, and decrypted, is given out as pcap-over-IP, for Wireshark, Suricata or Zeek: `wireshark -k -i TCP@127.0.0.1:57012`.',
        examples: ['127.0.0.1:57012'],
      },
      parseAddress,
    ).optional(),
    connections: integer(
      {
        description:
          'Connections followed at once. Beyond them the one that was idle for longest is given up, and counted.',
        examples: [65_536],
      },
      { min: 16, max: 4_000_000 },
    ).prefault(65_536),
    heldBytes: size(
      {
        description:
          'Memory for segments that wait for others before them, over all connections. Past it what is missing is taken as lost.',
        examples: ['64MiB'],
      },
      { min: MIB, max: 4096 * MIB },
    ).prefault('64MiB'),
    idleTimeout: duration(
      {
        description: 'A connection without a packet for this long, in the time of the packets, is given up.',
        examples: ['10m'],
      },
      { min: SECOND, max: 24 * HOUR },
    ).prefault('10m'),
  }).transform((capture, context): CaptureSettings => {
    checkKeys(capture, context);
    const { name, serverPorts, overlap, keyLog, output, connections, heldBytes, idleTimeout } = capture;
    return {
      name,
      source: sourceOf(capture),
      serverPorts,
      overlap,
      keyLog,
      output,
      connections,
      heldBytes,
      idleTimeoutMs: idleTimeout,
    };
  });
}

interface WrittenSource {
  readonly interface?: string | undefined;
  readonly vxlan?: Address | undefined;
  readonly geneve?: Address | undefined;
  readonly file?: string | undefined;
  readonly pcapOverIp?: Address | undefined;
  readonly namespace?: string | undefined;
  readonly filter?: string | undefined;
  readonly snapLength?: number | undefined;
  readonly buffer?: number | undefined;
  readonly program?: 'auto' | 'dumpcap' | 'tcpdump' | undefined;
  readonly vnis?: readonly number[] | undefined;
  readonly follow?: boolean | undefined;
  readonly pace?: 'fast' | 'recorded' | undefined;
}

/** Exactly one source, and no key that it does not have. */
function checkKeys(capture: WrittenSource, context: z.core.$RefinementCtx): void {
  const written = capture as Readonly<Record<string, unknown>>;
  const [source, ...others] = SOURCE_KEYS.filter((key) => capture[key] !== undefined);
  const refuse = (message: string, path: readonly string[] = []): void => {
    context.issues.push({ code: 'custom', input: capture, message, path: [...path] });
  };
  if (source === undefined) {
    refuse(`it has no source\nwrite one of: ${SOURCE_KEYS.join(', ')}`);
    return;
  }
  for (const other of others)
    refuse(`a capture has one source, and this one has ${source} already\nwrite two captures`, [other]);
  for (const [key, sources] of Object.entries(KEYS_OF)) {
    if (written[key] === undefined || sources.includes(source)) continue;
    refuse(`${key} is for ${sources.join(' and ')}, and this capture has ${source}\nleave it out`, [key]);
  }
  if (capture.file !== '-') return;
  if (capture.follow === true) refuse('standard input has no end to go on at\nleave it out', ['follow']);
}

function sourceOf(written: WrittenSource): CaptureSourceSettings {
  const { vxlan, geneve, buffer, vnis = [], pcapOverIp } = written;
  if (written.interface !== undefined) {
    return {
      kind: 'interface',
      interface: written.interface,
      namespace: written.namespace,
      filter: written.filter,
      snapBytes: written.snapLength ?? DEFAULT_SNAP_BYTES,
      bufferBytes: buffer ?? DEFAULT_RING_BYTES,
      program: written.program ?? 'auto',
    };
  }
  const bufferBytes = buffer ?? DEFAULT_RECEIVE_BYTES;
  if (vxlan !== undefined) return { kind: 'vxlan', listen: vxlan, vnis, bufferBytes };
  if (geneve !== undefined) return { kind: 'geneve', listen: geneve, vnis, bufferBytes };
  if (pcapOverIp !== undefined) return { kind: 'pcap-over-ip', address: pcapOverIp };
  // Without a source this is never used: it was refused above.
  const { file = '-', follow = false, pace = 'fast' } = written;
  return { kind: 'file', path: file, follow, pace };
}

/** Linux allows 15 bytes; other systems have longer names. */
function checkInterface(name: string): string {
  if (/^[^\s/\0-][^\s/\0]{0,63}$/.test(name)) return name;
  throw new UserError(`"${name.slice(0, 80)}" is not the name of an interface`, {
    code: 'config',
    hint: 'write it as `ip link` shows it, or any',
  });
}

/** Text that becomes an argument of another program. */
function checkPlain(value: string): string {
  if (value.trim() !== '' && value.length <= 4096 && !/[\0\r\n]/.test(value) && !value.startsWith('-'))
    return value.trim();
  throw new UserError('it is empty, too long, has line breaks, or begins with a dash', {
    code: 'config',
    hint: 'write it on one line',
  });
}

function checkUdp(written: string): Address {
  const address = parseAddress(written);
  if (address.kind === 'tcp') return address;
  throw new UserError(`"${written}" is a Unix socket, and these datagrams come by UDP`, {
    code: 'config',
    hint: 'write it like 0.0.0.0:4789',
  });
}

function checkFile(surroundings: Surroundings, path: string): string {
  if (path === '-') return path;
  if (path === '' || path.includes('\0') || /[\\/]$/.test(path)) {
    throw new UserError(`"${path.slice(0, 80)}" is not a file`, {
      code: 'config',
      hint: 'give the path of a file',
    });
  }
  return surroundings.absolute(path);
}

function refuseStandardInput(): never {
  throw new UserError('a key log is followed as it grows, which standard input cannot be', {
    code: 'config',
    hint: 'give the path of a file',
  });
}

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { UserError } from '../kit/errors.ts';
import type { CaptureSourceSettings } from '../model/capture.ts';

export type InterfaceSettings = Extract<CaptureSourceSettings, { kind: 'interface' }>;
export type CaptureProgram = 'tcpdump' | 'dumpcap';

/** How a program is started: its path, and what is put before it. */
export interface Launch {
  readonly program: CaptureProgram;
  readonly path: string;
  /** `setpriv` with its arguments, or nothing. */
  readonly confinement: readonly string[];
  /** Whether tcpdump gives up its rights by itself. */
  readonly dropsRights: boolean;
}

/** Who the program runs as where we are root: `nobody`. */
export const NOBODY = { uid: 65_534, gid: 65_534 };
const MIB = 1024 * 1024;
const INTERFACE_NAME = /^[^\s/@-][^\s/@]{0,127}$/;
/** Where capture programs are, which is not on the PATH of all users. */
const PLACES = ['/usr/sbin', '/sbin', '/usr/local/sbin', '/usr/bin', '/bin'];

/**
 * A program of that name on the PATH, or where programs for administrators are.
 *
 * @returns its path; undefined where there is none
 */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...PLACES]) {
    if (folder === '') continue;
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/**
 * `setpriv` and its arguments: the program ends with the thread that began it, gets no rights that it does not have, and where
 * we are root it runs as nobody with the one right to capture. Of what tcpdump does by itself with `-Z`, the first is not to be
 * had: giving up an identity also gives up the signal for the parent's death.
 */
export function confinement(setpriv: string, isRoot: boolean): readonly string[] {
  const ending = [setpriv, '--pdeathsig=TERM'];
  // Without root the right comes with the program's file (setcap), which `--no-new-privs` would forbid.
  if (!isRoot) return ending;
  return [
    ...ending,
    `--reuid=${NOBODY.uid}`,
    `--regid=${NOBODY.gid}`,
    '--clear-groups',
    '--no-new-privs',
    '--inh-caps=-all,+net_raw',
    '--ambient-caps=-all,+net_raw',
    '--bounding-set=-all,+net_raw',
  ];
}

/** The path of a namespace; a name is one of those that `ip netns` makes. */
export function namespacePath(namespace: string): string {
  return namespace.includes('/') ? namespace : `/run/netns/${namespace}`;
}

/**
 * The command, an item for each argument: no shell reads any of it, and no setting can be taken for an option.
 *
 * @throws UserError for a name that no interface has
 */
export function commandOf(settings: InterfaceSettings, launch: Launch): readonly string[] {
  const { interface: name, namespace, filter, snapBytes, bufferBytes } = settings;
  // Capture programs take paths of pipes and addresses of other machines here too.
  if (!INTERFACE_NAME.test(name)) {
    throw new UserError(`${JSON.stringify(name)} is not the name of an interface`, {
      where: name,
      hint: 'ip link lists them; any is all of them.',
    });
  }
  const into = namespace === undefined ? [] : ['nsenter', `--net=${namespacePath(namespace)}`, '--'];
  const command = [
    ...into,
    ...launch.confinement,
    launch.path,
    '-i',
    name,
    '-s',
    String(snapBytes),
    '-w',
    '-',
  ];
  if (launch.program === 'dumpcap') {
    command.push('-q', '-B', String(Math.max(1, Math.round(bufferBytes / MIB))));
    if (filter !== undefined) command.push('-f', filter);
    return command;
  }
  command.push('-n', '-B', String(Math.max(1, Math.round(bufferBytes / 1024))));
  // Each packet by itself. Its signal for writing what it has (SIGUSR2) is no way: it writes within the handler, and a signal that
  // comes while it writes garbles the file.
  command.push('-U');
  if (launch.dropsRights) command.push('-Z', 'nobody');
  if (filter !== undefined) command.push('--', filter);
  return command;
}

/** What a program has written when it captures: tcpdump after it has compiled the filter, dumpcap after it has opened all. */
export function isReady(program: CaptureProgram, errors: string): boolean {
  return (program === 'tcpdump' ? /listening on /i : /^File: /m).test(errors);
}

/** Packets that were lost since a program began. */
export interface Dropped {
  readonly kernel: number;
  readonly interface: number;
  readonly program: number;
}

/**
 * What a program has told last about drops: tcpdump when it is asked to and at its end, dumpcap at its end. In the statistics
 * of its file the latter calls those of the kernel's ring drops of the interface.
 *
 * @returns undefined where the text has none
 */
export function droppedOf(text: string): Dropped | undefined {
  const last = text.slice(Math.max(0, text.lastIndexOf('received by filter')));
  const kernel = last.match(/(\d+) packets? dropped by kernel/)?.[1];
  if (kernel !== undefined) {
    const onInterface = last.match(/(\d+) packets? dropped by interface/)?.[1] ?? '0';
    return { kernel: Number(kernel), interface: Number(onInterface), program: 0 };
  }
  const parts = text.match(/\(pcap:(\d+)\/dumpcap:(\d+)\/flushed:(\d+)\/ps_ifdrop:(\d+)\)/);
  if (parts === null) return undefined;
  const [ring = 0, own = 0, flushed = 0, onInterface = 0] = parts.slice(1).map(Number);
  return { kernel: ring, interface: onInterface, program: own + flushed };
}

/** Why a program did not begin to capture, in words for who can mend it. */
export function refusal(settings: InterfaceSettings, program: CaptureProgram, errors: string): UserError {
  const reason = errors
    .split('\n')
    .map((line) => line.replace(/^(?:tcpdump|dumpcap|nsenter|setpriv): /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('Capturing on '))
    .join(' ')
    .slice(0, 300);
  const { interface: name, filter, namespace } = settings;
  const where = namespace === undefined ? name : `${name} in namespace ${namespace}`;
  const options = (hint: string) => ({ code: 'unavailable', where, hint }) as const;
  if (
    filter !== undefined &&
    /filter expression|capture filter|expression rejects|unknown host|unknown port/i.test(reason)
  )
    return new UserError(`the filter ${JSON.stringify(filter)} is not valid: ${reason}`, {
      where,
      hint: 'Its language is that of pcap-filter(7).',
    });
  if (/permission|not permitted/i.test(reason))
    return new UserError(
      `capturing on ${where} is not allowed: ${reason}`,
      options(
        `Run as root, or allow ${program} to capture: setcap cap_net_raw+ep $(command -v ${program}). In a container NET_RAW, SETUID, SETGID and SETPCAP are needed; with dumpcap, NET_RAW.`,
      ),
    );
  if (/no such device|doesn't exist|no device named/i.test(reason))
    return new UserError(`there is no interface ${where}: ${reason}`, options('ip link lists interfaces.'));
  return new UserError(
    `${program} cannot capture on ${where}: ${reason}`,
    options(`Try ${program} -i ${name} by itself.`),
  );
}

import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import {
  documentedConfig,
  documentedNames,
  OVS_PROGRAMS,
  openDirectStage,
  openSwitchStage,
  SERVICE,
} from '../fixtures/mirror-session.ts';
import type { Stage } from '../fixtures/mirror-session.ts';
import { missingNamespaces, printed } from '../fixtures/namespaces.ts';
import type { Namespace } from '../fixtures/namespaces.ts';
import { HTTP1_PORT, wrkScript } from '../fixtures/namespace-traffic.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startUnderstudy } from '../fixtures/understudy.ts';
import type { TiedChild } from '../fixtures/understudy.ts';

const ORIGIN = `http://${SERVICE}:${HTTP1_PORT}`;
const MIRROR_PORT = 8090;
const KEPT_ALIVE = 40;
const BODY = 'an order of many lines\n'.repeat(2000);
const LOADED = 150;

interface Session {
  /** Block of the manual with the commands that begin it, and the one with the configuration that reads it. */
  readonly commands: string;
  readonly config: string;
  readonly stage: () => Promise<Stage>;
  readonly programs: readonly string[];
}

const ERSPAN = 'ERSPAN through an interface';
const SESSIONS: readonly Session[] = [
  { commands: 'tc', config: 'a SPAN port', stage: openDirectStage, programs: ['tc'] },
  { commands: 'tc into VXLAN', config: 'a receiver of VXLAN', stage: openDirectStage, programs: ['tc'] },
  { commands: 'iptables', config: 'a SPAN port', stage: openDirectStage, programs: ['iptables'] },
  { commands: 'ERSPAN II from Open vSwitch', config: ERSPAN, stage: openSwitchStage, programs: OVS_PROGRAMS },
  {
    commands: 'ERSPAN III from Open vSwitch',
    config: ERSPAN,
    stage: openSwitchStage,
    programs: OVS_PROGRAMS,
  },
  {
    commands: 'GENEVE from Open vSwitch',
    config: 'a receiver of GENEVE',
    stage: openSwitchStage,
    programs: OVS_PROGRAMS,
  },
];

test('every block of the manual that is said to be tested is', () => {
  deepEqual(documentedNames('sh').toSorted(), SESSIONS.map(({ commands }) => commands).toSorted());
  deepEqual(
    documentedNames('yaml').toSorted(),
    [...new Set(SESSIONS.map(({ config }) => config))].toSorted(),
  );
});

/** What a user gets, every byte of it: heads without the date, and bodies. */
function ask(client: Namespace, folder: string): string {
  const numbers = Array.from({ length: KEPT_ALIVE }, (_, i) => `${ORIGIN}/n/${i}`);
  const curl = (...args: readonly string[]): string =>
    client.run('curl', '-sSi', '--max-time', '20', ...args);
  return [
    curl(...numbers),
    curl('-d', `@${folder}/body`, `${ORIGIN}/n/post`),
    curl('-T', `${folder}/body`, '-H', 'transfer-encoding: chunked', `${ORIGIN}/n/put`),
    curl('-I', `${ORIGIN}/n/head`),
    curl(`${ORIGIN}/large.bin`),
    curl(`${ORIGIN}/missing`),
  ]
    .join('')
    .replaceAll(/^date: .*$/gim, '');
}

/** What the recording server prints. */
function line(method: string, url: string, body = ''): string {
  const sha256 = createHash('sha256').update(body).digest('hex');
  return JSON.stringify({ method, url, bytes: body.length, sha256 });
}

/** The lines that the recording server prints for one round of `ask`. */
function expectedCopies(): string[] {
  return [
    ...Array.from({ length: KEPT_ALIVE }, (_, i) => line('GET', `/n/${i}`)),
    line('POST', '/n/post', BODY.replaceAll('\n', '')),
    line('PUT', '/n/put', BODY),
    line('HEAD', '/n/head'),
    line('GET', '/large.bin'),
    line('GET', '/missing'),
  ];
}

function copiesOf(mirror: TiedChild): string[] {
  return mirror
    .stdout()
    .split('\n')
    .filter((text) => text.startsWith('{'));
}

for (const { commands, config, stage: openStage, programs } of SESSIONS) {
  test(
    `${commands}: users notice nothing, and the mirror gets every request as it was`,
    { skip: missingNamespaces('nginx', 'curl', 'wrk', 'tcpdump', ...programs) },
    async (t) => {
      await using stage = await openStage();
      using folder = temporaryFolder();
      writeFileSync(folder.file('body'), BODY);
      writeFileSync(folder.file('load.lua'), wrkScript(LOADED, 1));
      const mirror = stage.monitor.spawn(process.execPath, [
        join(import.meta.dirname, '..', 'fixtures', 'recording-server.ts'),
        String(MIRROR_PORT),
      ]);
      await printed(mirror, /ready/);
      const direct = ask(stage.client, folder.path);

      await stage.mirror(commands);
      const { captures, policies } = documentedConfig(config);
      await using understudy = await startUnderstudy({
        within: stage.monitor.within,
        config: {
          captures,
          policies: policies.map((policy) => ({
            ...policy,
            writes: 'mirror',
            limits: { concurrency: 64, queue: 1000 },
          })),
        },
      });
      equal(ask(stage.client, folder.path), direct);

      const expected = expectedCopies();
      await eventually('every request is copied', () => copiesOf(mirror).length >= expected.length).catch(
        async (cause: unknown) => {
          const { packets, incomplete } = await understudy.summary();
          throw new Error(`${copiesOf(mirror).length} copies; ${JSON.stringify({ packets, incomplete })}`, {
            cause,
          });
        },
      );
      deepEqual(copiesOf(mirror).toSorted(), expected.toSorted());
      const { exchanges, incomplete, pairs } = await eventually('all is compared', async () => {
        const summary = await understudy.summary();
        return summary.pairs.same + summary.pairs.different === expected.length && summary;
      });
      equal(exchanges, expected.length);
      deepEqual(Object.values(incomplete).filter(Boolean), []);
      equal(pairs.incomplete, 0);

      // Under load, with connections that are open when it ends.
      const load = stage.client.run('wrk', '-t2', '-c8', '-d1', '-s', folder.file('load.lua'), ORIGIN);
      const loaded = (): string[] => copiesOf(mirror).filter((text) => /"url":"\/n\/\d+\/\d+"/.test(text));
      await eventually('the load is copied', () => loaded().length >= 2 * LOADED);
      equal(new Set(loaded()).size, loaded().length);
      ok(/Non-2xx|Socket errors/.exec(load) === null, load);
      const { result } = await understudy.stop();
      t.diagnostic(`${result.exchanges} exchanges, ${result.mirrored} copies`);
    },
  );
}

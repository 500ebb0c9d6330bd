import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TUNNELS } from '../../src/wire/packet/packet.ts';
import type { Tunnel } from '../../src/wire/packet/packet.ts';
import { ReadCapture } from '../fixtures/captured-packets.ts';
import { OVS_PROGRAMS, openDirectStage, openSwitchStage, SERVICE } from '../fixtures/mirror-session.ts';
import type { Stage } from '../fixtures/mirror-session.ts';
import { HTTP1_PORT } from '../fixtures/namespace-traffic.ts';
import { Capturing, missingNamespaces } from '../fixtures/namespaces.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** Blocks of docs/port-mirroring.md, where they are run, what that needs, and what is around every packet then. */
const SESSIONS: readonly (readonly [
  block: string,
  stage: () => Promise<Stage>,
  programs: readonly string[],
  tunnels: readonly Tunnel[],
])[] = [
  ['tc', openDirectStage, ['tc'], []],
  ['tc into VXLAN', openDirectStage, ['tc'], ['vxlan']],
  ['iptables', openDirectStage, ['iptables'], []],
  ['ERSPAN II from Open vSwitch', openSwitchStage, OVS_PROGRAMS, ['gre', 'erspan2']],
  ['ERSPAN III from Open vSwitch', openSwitchStage, OVS_PROGRAMS, ['gre', 'erspan3']],
  ['GENEVE from Open vSwitch', openSwitchStage, OVS_PROGRAMS, ['geneve']],
];
const REQUESTS = 20;

for (const [block, openStage, programs, tunnels] of SESSIONS)
  test(
    `${block}: what arrives where the session ends holds every exchange, whole`,
    { skip: missingNamespaces('nginx', 'curl', 'tcpdump', ...programs) },
    async () => {
      await using stage = await openStage();
      using folder = temporaryFolder();
      await stage.mirror(block);
      const tcpdump = await Capturing.start(stage.monitor, 'eth0', folder.file('copies.pcap'), 'ip');
      const origin = `http://${SERVICE}:${HTTP1_PORT}`;
      const urls = Array.from({ length: REQUESTS }, (_, i) => `/n/${i}`).concat('/large.bin');
      stage.client.run('curl', '-sS', '--max-time', '20', ...urls.map((url) => origin + url));
      // What the client has closed is not yet what the mirror session has delivered, but all goes the same way.
      stage.client.run('curl', '-sS', '--max-time', '20', `${origin}/missing`);
      const { sink, packets, tcp, story } = new ReadCapture(await tcpdump.stop('10.65.0.1'));
      assert.deepEqual(
        story.slice(0, urls.length),
        urls.map((url) => `GET ${url} 200`),
      );
      const [large] = sink.seen.slice(urls.length - 1);
      assert.equal(large?.responseBody, 'x'.repeat(600_000));
      assert.equal(tcp.counts.gaps, 0);
      assert.deepEqual(
        TUNNELS.filter((tunnel) => packets.counts.tunnels[tunnel] > 0).toSorted(),
        tunnels.toSorted(),
      );
      for (const tunnel of tunnels) assert.ok(packets.counts.tunnels[tunnel] >= tcp.counts.segments);
      assert.ok(Object.values(packets.counts.faults).every((count) => count === 0));
    },
  );

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, confinement, droppedOf, findProgram, refusal } from './capture-program.ts';
import type { InterfaceSettings, Launch } from './capture-program.ts';

const SETTINGS: InterfaceSettings = {
  kind: 'interface',
  interface: 'eth1',
  namespace: undefined,
  filter: undefined,
  snapBytes: 65_535,
  bufferBytes: 32 * 1024 * 1024,
  program: 'auto',
};
const TCPDUMP: Launch = {
  program: 'tcpdump',
  path: '/usr/bin/tcpdump',
  confinement: [],
  dropsRights: true,
};

test('a filter is one argument, and none of it an option', () => {
  const filter = '-w /etc/passwd; $(id)';
  assert.equal(
    commandOf({ ...SETTINGS, filter }, TCPDUMP).join('|'),
    `/usr/bin/tcpdump|-i|eth1|-s|65535|-w|-|-n|-B|32768|-U|-Z|nobody|--|${filter}`,
  );
  assert.equal(
    commandOf({ ...SETTINGS, filter }, { ...TCPDUMP, program: 'dumpcap', path: '/usr/bin/dumpcap' }).join(
      '|',
    ),
    `/usr/bin/dumpcap|-i|eth1|-s|65535|-w|-|-q|-B|32|-f|${filter}`,
  );
});

test('a namespace is entered before rights are given up', () => {
  const launch = { ...TCPDUMP, confinement: confinement('/usr/bin/setpriv', true), dropsRights: false };
  const command = commandOf({ ...SETTINGS, namespace: 'm3' }, launch);
  assert.deepEqual(command.slice(0, 5), [
    'nsenter',
    '--net=/run/netns/m3',
    '--',
    '/usr/bin/setpriv',
    '--pdeathsig=TERM',
  ]);
  assert.ok(command.includes('--no-new-privs') && command.includes('--bounding-set=-all,+net_raw'));
  assert.equal(commandOf({ ...SETTINGS, namespace: '/proc/7/ns/net' }, launch)[1], '--net=/proc/7/ns/net');
});

for (const name of [
  '',
  '-i',
  '/tmp/pipe',
  'TCP@10.0.0.1:5000',
  'rpcap://host/eth0',
  'eth0 -w x',
  'x'.repeat(200),
]) {
  test(`is no interface: ${JSON.stringify(name)}`, () => {
    assert.throws(() => commandOf({ ...SETTINGS, interface: name }, TCPDUMP), { name: 'UserError' });
  });
}

test('reads the drops that programs tell, the last ones', () => {
  const signalled =
    'tcpdump: 7 packets captured, 9 packets received by filter, 2 packets dropped by kernel\n';
  const final =
    '8 packets captured\n10 packets received by filter\n3 packets dropped by kernel\n1 packet dropped by interface\n';
  assert.deepEqual(droppedOf(signalled), { kernel: 2, interface: 0, program: 0 });
  assert.deepEqual(droppedOf(signalled + final), { kernel: 3, interface: 1, program: 0 });
  const dumpcap = "received/dropped on interface 'lo': 9/7 (pcap:4/dumpcap:1/flushed:2/ps_ifdrop:3) (56.2%)";
  assert.deepEqual(droppedOf(dumpcap), { kernel: 4, interface: 3, program: 3 });
  assert.equal(droppedOf('tcpdump: listening on lo'), undefined);
});

const REFUSALS: readonly (readonly [errors: string, message: RegExp, hint: RegExp])[] = [
  [
    "tcpdump: can't parse filter expression: syntax error\n",
    /^the filter "tcp prt 9" is not valid: can't parse/,
    /pcap-filter/,
  ],
  [
    "Capturing on 'lo'\ndumpcap: Invalid capture filter \"tcp prt 9\" for interface 'lo'.\n",
    /^the filter "tcp prt 9" is not valid: Invalid/,
    /pcap-filter/,
  ],
  ['tcpdump: eth1: No such device exists\n', /^there is no interface eth1/, /ip link/],
  ["tcpdump: eth1: You don't have permission to capture on that device\n", /not allowed/, /setcap/],
  [
    'tcpdump: eth1: That device is not up\n',
    /cannot capture on eth1: eth1: That device is not up$/,
    /by itself/,
  ],
];
for (const [errors, message, hint] of REFUSALS) {
  test(`says what is wrong: ${errors.trim()}`, () => {
    const error = refusal({ ...SETTINGS, filter: 'tcp prt 9' }, 'tcpdump', errors);
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
  });
}

test('finds programs, and only those that are there', async () => {
  assert.ok((await findProgram('sh'))?.endsWith('/sh'));
  assert.equal(await findProgram('no-such-program'), undefined);
});

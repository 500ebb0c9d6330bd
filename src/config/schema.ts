import type { z } from 'zod';
import { addressText } from '../model/address.ts';
import type { CaptureSettings } from '../model/capture.ts';
import type { Address, AdminSettings, ListenerSettings, Settings } from '../model/settings.ts';
import { adminSchema, logSchema } from './admin-schema.ts';
import { captureSchema } from './capture-schema.ts';
import { listenerSchema } from './listener-schema.ts';
import { observerSchema } from './observer-schema.ts';
import { policySchema } from './policy-schema.ts';
import { checkReflection } from './protobuf-schema.ts';
import { serviceSchema, withServices } from './service-schema.ts';
import { storeSchema } from './store-schema.ts';
import type { Surroundings } from './surroundings.ts';
import { clientTlsSchema } from './tls-schema.ts';
import { ALWAYS, duration, isSection, list, nameOf, section } from './value.ts';

const SECOND = 1000;

/**
 * The configuration language (DESIGN.md §5): what it takes is what the YAML file holds, what it gives is `Settings`.
 * Certificates, keys and tokens that it refers to are looked up in the surroundings. Only main validates; worker threads
 * get the settings as plain data and never load this.
 */
export function settingsSchema(surroundings: Surroundings): z.ZodType<Settings> {
  const clientTls = clientTlsSchema(surroundings);
  return section({
    listeners: list(
      listenerSchema(surroundings, clientTls),
      {
        description:
          'Addresses that Understudy listens on, each in front of a primary: taps that policies copy from. Without `captures` at least one is needed.',
        examples: [[{ name: 'orders', listen: '0.0.0.0:8080', primary: 'http://orders-v1:3000' }]],
      },
      { min: 0, max: 256 },
    ).prefault([]),
    captures: list(
      captureSchema(surroundings),
      {
        description:
          'Packets that are read as a tap: from an interface, from mirror sessions of switches and clouds, or from files. Nothing is deployed in front of the service.',
        examples: [
          [{ name: 'mirror-port', interface: 'eth1', filter: 'tcp port 8080' }],
          [{ name: 'vpc', vxlan: '0.0.0.0:4789', vnis: [5_569_041], serverPorts: [80] }],
        ],
      },
      { min: 0, max: 64 },
    ).prefault([]),
    policies: list(
      policySchema(surroundings, clientTls),
      {
        description: 'What is copied where. Without policies traffic is relayed and observed.',
        examples: [[{ name: 'orders-v2', mirrors: [{ name: 'v2', url: 'http://orders-v2:3000' }] }]],
      },
      { min: 0, max: 256 },
    ).prefault([]),
    services: list(
      serviceSchema(),
      {
        description: 'Services by their addresses, for `destination.services` of matches.',
        examples: [[{ name: 'orders', addresses: ['10.0.0.7:8080', '10.0.1.0/24'] }]],
      },
      { min: 0, max: 1024 },
    ).prefault([]),
    admin: adminSchema(surroundings)
      .prefault({})
      .meta({ description: 'The admin API, the metrics and the dashboard.' }),
    log: logSchema().prefault({}).meta({ description: 'The log, on standard error.' }),
    observer: observerSchema()
      .prefault({})
      .meta({ description: 'The threads that decode, match, copy and compare, beside the live path.' }),
    store: storeSchema(surroundings)
      .prefault({})
      .meta({ description: 'Where verdicts and examples of exchanges are kept.' }),
    drain: duration(
      { description: 'How long open connections may finish after SIGTERM.', examples: ['30s'] },
      { min: 0, max: 3600 * SECOND },
    ).prefault('30s'),
  })
    .superRefine((settings: unknown, context) => checkReferences(settings, context), ALWAYS)
    .transform(
      (
        { listeners, captures, policies: written, services, admin, log, observer, store, drain },
        context,
      ): Settings => {
        const policies = withServices(written, services, context);
        checkAddresses(listeners, captures, admin, context);
        checkReflection(listeners, policies, context);
        return { admin, log, listeners, captures, policies, observer, store, drainMs: drain };
      },
    );
}

/** Two that listen on the same address. */
function checkAddresses(
  listeners: readonly ListenerSettings[],
  captures: readonly CaptureSettings[],
  { listen }: AdminSettings,
  context: z.core.$RefinementCtx,
): void {
  const tcp = new Map<string, string>();
  const udp = new Map<string, string>();
  const take = (taken: Map<string, string>, who: string, at: Address, path: readonly PropertyKey[]): void => {
    const address = addressText(at);
    // Port 0 is another one every time.
    if (at.kind === 'tcp' && at.port === 0) return;
    const other = taken.get(address);
    if (other !== undefined) {
      const message = `${other} listens on ${address} too\ngive each its own port`;
      context.issues.push({ code: 'custom', input: address, message, path: [...path] });
    }
    taken.set(address, who);
  };
  if (listen !== undefined) tcp.set(addressText(listen), 'the admin API');
  for (const [index, { name, listen: at }] of listeners.entries())
    take(tcp, `the listener "${name}"`, at, ['listeners', index, 'listen']);
  for (const [index, { name, source, output }] of captures.entries()) {
    const who = `the capture "${name}"`;
    const path = ['captures', index];
    if (source.kind === 'vxlan' || source.kind === 'geneve')
      take(udp, who, source.listen, [...path, source.kind]);
    if (output !== undefined) take(tcp, who, output, [...path, 'output']);
  }
  const fromInput = captures.map(({ source }) => source.kind === 'file' && source.path === '-');
  if (fromInput.filter(Boolean).length > 1) {
    context.issues.push({
      code: 'custom',
      input: captures,
      message: 'two captures read standard input\nonly one of them would get the packets',
      path: ['captures', fromInput.lastIndexOf(true), 'file'],
    });
  }
}

/** What taps and policies say of each other. Looks at names only, whatever else is wrong with them. */
function checkReferences(settings: unknown, context: z.core.$RefinementCtx): void {
  if (!isSection(settings)) return;
  const { listeners, captures, policies } = settings;
  if (isNothing(listeners) && isNothing(captures)) {
    context.addIssue({
      code: 'custom',
      message: 'there are neither listeners nor captures\nname an address to listen on, or packets to read',
      path: ['listeners'],
    });
  }
  const inline = checkUnique(listeners, 'listeners', 'listener', context);
  const packets = checkUnique(captures, 'captures', 'capture', context, inline);
  const taps = [...inline, ...packets];
  checkUnique(policies, 'policies', 'policy', context);
  checkUnique(settings['services'], 'services', 'service', context);
  if (!Array.isArray(policies)) return;
  for (const [index, policy] of policies.entries()) {
    const named = isSection(policy) && Array.isArray(policy['taps']) ? policy['taps'] : [];
    for (const [place, tap] of named.entries()) {
      if (typeof tap !== 'string' || taps.includes(tap)) continue;
      context.addIssue({
        code: 'custom',
        message: `there is no tap "${tap}"\nthere ${taps.length === 1 ? 'is' : 'are'} ${taps.join(', ') || 'none with a name'}`,
        path: ['policies', index, 'taps', place],
      });
    }
    const own = named.length === 0 ? taps : named;
    if (own.length > 0 && own.every((tap) => packets.includes(String(tap))))
      checkRepeats(policy, index, context);
  }
}

function isNothing(taps: unknown): boolean {
  return taps === undefined || (Array.isArray(taps) && taps.length === 0);
}

/** Packets tell what a primary answered, and not where it is to be asked again. */
function checkRepeats(policy: unknown, index: number, context: z.core.$RefinementCtx): void {
  const compare = isSection(policy) ? policy['compare'] : undefined;
  const noise = isSection(compare) ? compare['noise'] : undefined;
  if (!isSection(noise) || noise['repeat'] === undefined || !isSection(policy)) return;
  if (policy['control'] !== undefined) return;
  context.addIssue({
    code: 'custom',
    message: 'repeats go to the primary, and a capture has none\ngive a control instead, or leave it out',
    path: ['policies', index, 'compare', 'noise', 'repeat'],
  });
}

function checkUnique(
  items: unknown,
  key: string,
  what: string,
  context: z.core.$RefinementCtx,
  taken: readonly string[] = [],
): readonly string[] {
  if (!Array.isArray(items)) return [];
  const names: string[] = [];
  for (const [index, item] of items.entries()) {
    const name = nameOf(item);
    if (name === undefined) continue;
    if (names.includes(name) || taken.includes(name)) {
      const other = names.includes(name) ? what : 'tap';
      context.addIssue({
        code: 'custom',
        message: `another ${other} has the name "${name}"\nnames are unique`,
        path: [key, index, 'name'],
      });
    }
    names.push(name);
  }
  return names;
}

import type { z } from 'zod';
import { addressText } from '../model/address.ts';
import type { AdminSettings, ListenerSettings, Settings } from '../model/settings.ts';
import { adminSchema, logSchema } from './admin-schema.ts';
import { listenerSchema } from './listener-schema.ts';
import { observerSchema } from './observer-schema.ts';
import { policySchema } from './policy-schema.ts';
import { storeSchema } from './store-schema.ts';
import type { Surroundings } from './surroundings.ts';
import { checkReflection } from './protobuf-schema.ts';
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
          'Addresses that Understudy listens on, each in front of a primary. These are the taps that policies copy from.',
        examples: [[{ name: 'orders', listen: '0.0.0.0:8080', primary: 'http://orders-v1:3000' }]],
      },
      { min: 1, max: 256 },
    ),
    policies: list(
      policySchema(surroundings, clientTls),
      {
        description: 'What is copied where. Without policies traffic is relayed and observed.',
        examples: [[{ name: 'orders-v2', mirrors: [{ name: 'v2', url: 'http://orders-v2:3000' }] }]],
      },
      { min: 0, max: 256 },
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
    .transform(({ listeners, captures, policies, admin, log, observer, store, drain }, context): Settings => {
      checkAddresses(listeners, captures, admin, context);
      checkReflection(listeners, policies, context);
      return { admin, log, listeners, captures, policies, observer, store, drainMs: drain };
    });
}

/** Two that listen on the same address. */
function checkAddresses(
  listeners: readonly ListenerSettings[],
  { listen }: AdminSettings,
  context: z.core.$RefinementCtx,
): void {
  const taken = new Map<string, string>();
  if (listen !== undefined) taken.set(addressText(listen), 'the admin API');
  for (const [index, listener] of listeners.entries()) {
    const address = addressText(listener.listen);
    // Port 0 is another one every time.
    if (listener.listen.kind === 'tcp' && listener.listen.port === 0) continue;
    const other = taken.get(address);
    if (other !== undefined) {
      const message = `${other} listens on ${address} too\ngive each its own port`;
      context.issues.push({ code: 'custom', input: listener, message, path: ['listeners', index, 'listen'] });
    }
    taken.set(address, `the listener "${listener.name}"`);
  }
}

/** What listeners and policies say of each other. Looks at names only, whatever else is wrong with them. */
function checkReferences(settings: unknown, context: z.core.$RefinementCtx): void {
  if (!isSection(settings)) return;
  const { listeners, policies } = settings;
  const taps = checkUnique(listeners, 'listeners', 'listener', context);
  checkUnique(policies, 'policies', 'policy', context);
  if (!Array.isArray(policies)) return;
  for (const [index, policy] of policies.entries()) {
    const named = isSection(policy) ? policy['taps'] : undefined;
    if (!Array.isArray(named)) continue;
    for (const [place, tap] of named.entries()) {
      if (typeof tap !== 'string' || taps.includes(tap)) continue;
      context.addIssue({
        code: 'custom',
        message: `there is no listener "${tap}"\nthere ${taps.length === 1 ? 'is' : 'are'} ${taps.join(', ') || 'none with a name'}`,
        path: ['policies', index, 'taps', place],
      });
    }
  }
}

function checkUnique(
  items: unknown,
  key: string,
  what: string,
  context: z.core.$RefinementCtx,
): readonly string[] {
  if (!Array.isArray(items)) return [];
  const names: string[] = [];
  for (const [index, item] of items.entries()) {
    const name = nameOf(item);
    if (name === undefined) continue;
    if (names.includes(name)) {
      context.addIssue({
        code: 'custom',
        message: `another ${what} has the name "${name}"\nnames are unique`,
        path: [key, index, 'name'],
      });
    }
    names.push(name);
  }
  return names;
}

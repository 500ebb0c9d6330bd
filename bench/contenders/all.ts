import type { Absent, Contender } from './contender.ts';
import { cRelay } from './c-relay.ts';
import { direct } from './direct.ts';
import { envoy } from './envoy.ts';
import { nginx } from './nginx.ts';
import { traefik } from './traefik.ts';
import { understudy } from './understudy.ts';

export const CONTENDER_NAMES = ['direct', 'c-relay', 'understudy', 'nginx', 'envoy', 'traefik'] as const;

/** Everyone in the order of the tables. */
export function allContenders(): readonly (Contender | Absent)[] {
  return [direct(), cRelay(), understudy(), nginx(), envoy(), traefik()];
}

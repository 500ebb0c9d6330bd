import { formatDuration } from '../kit/duration.ts';
import type { CompareSettings, Gate, NoiseSettings } from '../model/compare-settings.ts';
import type { Policy } from '../model/policy.ts';

/** The share of differences that a pass may have: without control and repeats what is assumed to be noise is allowed too. */
export function allowedRate({ compare: { gate, noise }, control }: Policy): number {
  return control === undefined && noise.repeat === undefined ? Math.max(gate.rate, noise.assumed) : gate.rate;
}

/**
 * Pairs that a pass takes at the very least, all of them alike: after fewer even a rate that is above the gate's shows no
 * difference with a probability of more than `alpha`. The sequential test needs some more. With repeats only pairs that
 * have one count.
 */
export function leastPairs(policy: Policy): number {
  const { gate, noise } = policy.compare;
  const smaller = Math.min(allowedRate(policy), gate.mirrorErrors);
  const proven = smaller >= 1 ? 1 : Math.log(1 / gate.alpha) / -Math.log1p(-smaller);
  const counted = noise.repeat === undefined ? 1 : noise.repeat.numerator / noise.repeat.denominator;
  return Math.ceil(Math.max(gate.minimumPairs, proven) / counted);
}

/** What a policy compares and when it passes or fails, a line each, for people. */
export function compareText(policy: Policy): readonly string[] {
  const { compare, control } = policy;
  const { gate } = compare;
  const chance = percentText(gate.alpha);
  return [
    ...rulesText(compare),
    `noise: ${noiseText(compare.noise, control !== undefined)}`,
    `fails: ${riskText(gate)} is proven beyond noise${latencyText(gate)}; false alarms at most ${chance} over the whole run`,
    `passes: proof of at most ${percentText(allowedRate(policy))} such differences and ${percentText(gate.mirrorErrors)} copies without an answer, with ${countText(gate.coveragePairs)} pairs on every route of ${percentText(gate.coverageShare)} of the traffic; not before ${countText(leastPairs(policy))} pairs`,
  ];
}

function rulesText({ ignore, unordered, keys, tolerance, routes }: CompareSettings): readonly string[] {
  const parts = [
    [ignore.length, 'ignored'],
    [unordered.length, 'without order'],
    [keys.length, 'matched by key'],
    [tolerance.length, 'with tolerance'],
  ] as const;
  const given = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const known = routes.templates.length;
  return [
    ...(given.length === 0 ? [] : [`paths: ${given.join(', ')}`]),
    ...(known === 0 ? [] : [`routes: ${known} known, the others are learned`]),
  ];
}

function noiseText({ repeat, assumed, recognisers }: NoiseSettings, control: boolean): string {
  const form =
    recognisers === 'on' || (recognisers === 'auto' && !control)
      ? '; UUIDs, timestamps and other volatile values are compared by their form'
      : '';
  if (control) return `measured with the control${form}`;
  if (repeat !== undefined) {
    const share = percentText(repeat.numerator / repeat.denominator);
    return `measured by sending ${share} of the safe requests to the primary once more${form}`;
  }
  return `not measured, as there is no control: what differs in up to ${percentText(assumed)} of the answers counts as noise${form}`;
}

function riskText({ risk }: Gate): string {
  return `a difference of class ${risk}${risk === 'high' ? '' : ' or above'}`;
}

function latencyText({ latency }: Gate): string {
  if (latency === undefined) return '';
  return `, or answers that take longer by ${percentText(latency.rise)} and ${formatDuration(latency.floorMs)}`;
}

/** `0.1 %`. */
export function percentText(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}

function countText(count: number): string {
  return count.toLocaleString('en');
}

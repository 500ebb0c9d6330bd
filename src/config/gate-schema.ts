import { z } from 'zod';
import type { Gate, LatencyGate } from '../model/compare-settings.ts';
import { RISKS } from '../model/difference.ts';
import { percentage } from './percentage.ts';
import { choice, duration, integer, number, section, typeText } from './value.ts';

const OFF_OR_SECTION = 'write off, or { rise: 20%, floor: 10ms }';

export function gateSchema(): z.ZodType<Gate> {
  return section({
    risk: choice(
      {
        description:
          'The class of differences that fail, with those above it. `high`: a field is gone or has another type, another class of status; `medium`: another value; `low`: something was added.',
      },
      RISKS,
    ).prefault('medium'),
    rate: percentage(
      {
        description:
          'A pass needs proof that at most this share of the pairs differ, beyond noise, in a way that fails. A tenth of it needs ten times as many pairs. Without control and repeats the share that `noise.assumed` says is allowed too.',
        examples: ['0.1%'],
      },
      100,
      0,
    ).prefault('0.1%'),
    mirrorErrors: percentage(
      {
        description:
          'A pass needs proof that the mirror leaves at most this share of its copies without an answer.',
        examples: ['0.1%'],
      },
      100,
      0,
    ).prefault('0.1%'),
    latency: latencySchema().prefault({}),
    alpha: number(
      {
        description:
          'How probable a wrong verdict may be, over the whole run and however often it is looked at.',
        examples: [0.05],
      },
      { min: 0.000001, max: 0.5 },
    ).prefault(0.05),
    minimumPairs: integer(
      {
        description:
          'Pairs before anything may pass. With `noise.repeat` only those with a repeat count, here and in the rates.',
        examples: [1000],
      },
      { min: 1, max: 1_000_000_000 },
    ).prefault(1000),
    coverage: section({
      pairs: integer(
        { description: 'Pairs that a route needs before the policy may pass …', examples: [30] },
        { min: 0, max: 1_000_000_000 },
      ).prefault(30),
      share: percentage(
        { description: '… when the route has at least this share of the traffic.', examples: ['1%'] },
        100,
      ).prefault('1%'),
    })
      .prefault({})
      .meta({ description: 'Which routes have to have been seen.' }),
  }).transform(({ coverage, ...gate }): Gate => ({
    risk: gate.risk,
    rate: gate.rate,
    mirrorErrors: gate.mirrorErrors,
    latency: gate.latency,
    alpha: gate.alpha,
    minimumPairs: gate.minimumPairs,
    coveragePairs: coverage.pairs,
    coverageShare: coverage.share,
  }));
}

function latencySchema(): z.ZodType<LatencyGate | undefined, unknown> {
  const off = z
    .literal('off', {
      error: ({ input }) => `${typeText(input)} is not known here\n${OFF_OR_SECTION}`,
    })
    .transform(() => undefined)
    .meta({ description: 'Latency is shown and decides nothing.' });
  const limits = section({
    rise: percentage(
      { description: 'How much longer than the reference’s answer …', examples: ['20%'] },
      100_000,
    ).prefault('20%'),
    floor: duration(
      {
        description: '… and this much more, so that noise of small answers decides nothing.',
        examples: ['10ms'],
      },
      { min: 0, max: 3_600_000 },
    ).prefault('10ms'),
  }).transform(({ rise, floor }): LatencyGate => ({ rise, floorMs: floor }));
  return z
    .union([off, limits], {
      error: ({ input }) => `off or a section is wanted, this is ${typeText(input)}\n${OFF_OR_SECTION}`,
    })
    .meta({
      description:
        'An answer of the mirror is slow when it takes longer than the control’s by `rise` and `floor` together. `off`, or without a control: latency is shown and decides nothing.',
    });
}

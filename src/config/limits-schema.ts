import type { z } from 'zod';
import { formatSize } from '../kit/size.ts';
import type { Limits, StopWhen } from '../model/policy.ts';
import { percentage } from './percentage.ts';
import { duration, integer, number, section, size } from './value.ts';

const SECOND = 1000;
const HOUR = 3_600_000;
const GIB = 2 ** 30;

export function limitsSchema(): z.ZodType<Limits> {
  return section({
    concurrency: integer(
      { description: 'Copies of one mirror under way at once, per observer.', examples: [64] },
      { min: 1, max: 10_000 },
    ).prefault(64),
    queue: integer(
      {
        description:
          'Copies that wait for a place, per observer and mirror. Further ones are not sent (`queue_full`).',
        examples: [256],
      },
      { min: 0, max: 100_000 },
    ).prefault(256),
    bodyBytes: size(
      {
        description:
          'The longest request body that is copied, and the longest answer that is kept. Longer requests are not copied (`body_too_large`).',
        examples: ['1MiB'],
      },
      { min: 0, max: GIB },
    ).prefault('1MiB'),
    bufferBytes: size(
      {
        description:
          'Memory for bodies that are not sent yet and for answers, per observer and mirror. At least `bodyBytes`. From an eighth of it on, answers end that are far longer than the live ones (64 KiB and four times as much), as `answer_too_large`.',
        examples: ['64MiB'],
      },
      { min: 64 * 1024, max: 64 * GIB },
    ).prefault('64MiB'),
    timeout: duration(
      {
        description:
          'From the start of a copy to the end of its answer; of a call (gRPC, Connect) from the end of the live answer on, if that is later.',
        examples: ['5s'],
      },
      { min: 10, max: HOUR },
    ).prefault('5s'),
    streamTimeout: duration(
      {
        description:
          'From the start of a copy to where an answer without end (server-sent events, NDJSON, streams of calls) or a WebSocket connection is cut. What both sides have sent by then is compared. Such a copy keeps its place among `concurrency` until then.',
        examples: ['1m'],
      },
      { min: 10, max: 24 * HOUR },
    ).prefault('1m'),
    messages: integer(
      {
        description: 'Messages of one side of a WebSocket connection before its copy is cut.',
        examples: [10_000],
      },
      { min: 1, max: 1_000_000 },
    ).prefault(10_000),
    requestsPerSecond: number(
      {
        description: 'Copies per second, per observer and mirror (`rate_limited`).',
        otherwise: 'no limit',
        examples: [500],
      },
      { min: 0.001, max: 1e9 },
    ).optional(),
    bytesPerSecond: size(
      {
        description: 'Bytes of copies per second, per observer and mirror (`rate_limited`).',
        otherwise: 'no limit',
        examples: ['10MiB'],
      },
      { min: 1024, max: 1024 * GIB },
    ).optional(),
    breaker: section({
      failures: integer(
        {
          description:
            'The breaker opens after this many failures in a row (connection, TLS, time-out, broken answer; not a 5xx). With 10, a mirror that fails one time in ten does not open it by chance.',
          examples: [10],
        },
        { min: 1, max: 100_000 },
      ).prefault(10),
      open: duration(
        { description: 'Time without copies before one is tried again.', examples: ['1s'] },
        { min: 10, max: HOUR },
      ).prefault('1s'),
      openMax: duration(
        { description: 'That time doubles while the tries fail, up to this.', examples: ['30s'] },
        { min: 10, max: HOUR },
      ).prefault('30s'),
    })
      .prefault({})
      .meta({ description: 'Spares a mirror that fails (`breaker_open`).' }),
  }).transform((limits, context): Limits => {
    const { breaker } = limits;
    if (limits.bufferBytes < limits.bodyBytes) {
      context.issues.push({
        code: 'custom',
        input: limits,
        message: `bufferBytes (${formatSize(limits.bufferBytes)}) is less than bodyBytes (${formatSize(limits.bodyBytes)})\nno copy with the longest body would fit`,
        path: ['bufferBytes'],
      });
    }
    if (breaker.openMax < breaker.open) {
      context.issues.push({
        code: 'custom',
        input: limits,
        message: 'openMax is less than open\nit is what open grows to',
        path: ['breaker', 'openMax'],
      });
    }
    return {
      concurrency: limits.concurrency,
      queue: limits.queue,
      bodyBytes: limits.bodyBytes,
      bufferBytes: limits.bufferBytes,
      timeoutMs: limits.timeout,
      streamTimeoutMs: limits.streamTimeout,
      messages: limits.messages,
      requestsPerSecond: limits.requestsPerSecond,
      bytesPerSecond: limits.bytesPerSecond,
      breaker: { failures: breaker.failures, openMs: breaker.open, openMaxMs: breaker.openMax },
    };
  });
}

export function stopWhenSchema(): z.ZodType<StopWhen> {
  return section({
    mirrorErrors: percentage(
      {
        description:
          'Pauses when this share of the copies in a window, or more, failed or was answered with a 5xx, or, as a call of gRPC, with what a 5xx is in HTTP (UNAVAILABLE, INTERNAL …).',
        examples: ['50%'],
      },
      100,
    ).optional(),
    primaryLatencyRise: percentage(
      {
        description:
          'Pauses when the median latency of the primary has risen by this, or more, while copies flow, against the time before them. Less than 19% counts as 19%.',
        examples: ['20%'],
      },
      10_000,
    ).optional(),
    window: duration(
      { description: 'Time over which both are measured.', examples: ['10s'] },
      { min: SECOND, max: HOUR },
    ).prefault('10s'),
    minimum: integer(
      { description: 'Copies that a window must hold before it may decide.', examples: [50] },
      { min: 1, max: 1_000_000 },
    ).prefault(50),
  }).transform(({ mirrorErrors, primaryLatencyRise, window, minimum }): StopWhen => ({
    mirrorErrors,
    primaryLatencyRise,
    windowMs: window,
    minimum,
  }));
}

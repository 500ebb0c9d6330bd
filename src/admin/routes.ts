import { z } from 'zod';
import { EXPOSITION_TYPE } from '../kit/exposition.ts';
import { openapiDocument } from './openapi.ts';
import { RECORDING_ROUTES } from './recording-routes.ts';
import { JSON_TYPE, json, policyOf } from './reply.ts';
import type { Route } from './route.ts';
import { pauseSchema, policySchema, readinessSchema, summarySchema, tapSchema } from './schemas.ts';
import { VERDICT_ROUTES } from './verdict-routes.ts';

const TEXT_TYPE = 'text/plain; charset=utf-8';

export const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/summary',
    summary: 'What the instance has seen and copied so far',
    answers: [{ status: 200, description: 'The summary', type: JSON_TYPE, schema: summarySchema }],
    handle: ({ source }) => json(source.summary()),
  },
  {
    method: 'GET',
    path: '/api/v1/taps',
    summary: 'Every tap: connections, bytes, endpoints, tape and observers',
    answers: [{ status: 200, description: 'The taps', type: JSON_TYPE, schema: z.array(tapSchema) }],
    handle: ({ source }) => json(source.taps()),
  },
  {
    method: 'GET',
    path: '/api/v1/policies',
    summary: 'Every policy: what it copied, what it did not and why',
    answers: [{ status: 200, description: 'The policies', type: JSON_TYPE, schema: z.array(policySchema) }],
    handle: ({ source }) => json(source.policies()),
  },
  {
    method: 'GET',
    path: '/api/v1/policies/{name}',
    summary: 'One policy',
    answers: [{ status: 200, description: 'The policy', type: JSON_TYPE, schema: policySchema }],
    handle: ({ source, params }) => json(policyOf(source, params['name'])),
  },
  {
    method: 'POST',
    path: '/api/v1/policies/{name}/pause',
    summary: 'Stop copying until the policy is resumed; copies under way are finished',
    body: pauseSchema,
    answers: [{ status: 200, description: 'The policy, paused', type: JSON_TYPE, schema: policySchema }],
    handle: ({ source, params, body }) => {
      const { name } = policyOf(source, params['name']);
      source.pause(name, pauseSchema.parse(body).reason ?? 'paused through the admin API');
      return json(policyOf(source, name));
    },
  },
  {
    method: 'POST',
    path: '/api/v1/policies/{name}/resume',
    summary: 'Copy again after a pause, whoever paused it',
    answers: [{ status: 200, description: 'The policy, running', type: JSON_TYPE, schema: policySchema }],
    handle: ({ source, params }) => {
      const { name } = policyOf(source, params['name']);
      source.resume(name);
      return json(policyOf(source, name));
    },
  },
  ...VERDICT_ROUTES,
  ...RECORDING_ROUTES,
  {
    method: 'GET',
    path: '/api/v1/events',
    summary:
      'What happens, as server-sent events: a summary at once and then each second, and what changes as it changes; "dropped" says how many events a slow reader has missed',
    answers: [{ status: 200, description: 'Events without end', type: 'text/event-stream' }],
    handle: () => ({ kind: 'events' }),
  },
  {
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'This description',
    answers: [{ status: 200, description: 'An OpenAPI 3.1 document', type: JSON_TYPE }],
    handle: ({ source }) => json(openapiDocument(ROUTES, source.summary().version)),
  },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics in the text format of Prometheus',
    answers: [{ status: 200, description: 'The metrics', type: EXPOSITION_TYPE }],
    handle: ({ source }) => ({ kind: 'text', status: 200, type: EXPOSITION_TYPE, text: source.metrics() }),
  },
  {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the program is alive',
    open: true,
    answers: [{ status: 200, description: 'It is', type: TEXT_TYPE }],
    handle: () => ({ kind: 'text', status: 200, type: TEXT_TYPE, text: 'ok\n' }),
  },
  {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether traffic may be sent here',
    open: true,
    answers: [
      { status: 200, description: 'Every listener listens', type: JSON_TYPE, schema: readinessSchema },
      { status: 503, description: 'Starting or draining', type: JSON_TYPE, schema: readinessSchema },
    ],
    handle: ({ source }) => {
      const readiness = source.ready();
      return json(readiness, readiness.ok ? 200 : 503);
    },
  },
];

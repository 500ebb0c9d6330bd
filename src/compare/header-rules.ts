import type { Risk } from '../model/difference.ts';

/**
 * Fields of one connection and of framing: they say nothing about the answer. The first ones are of RFC 9110 §7.6.1;
 * Content-Length follows from the body, which is compared itself, and from its coding.
 */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  // What both ends of a WebSocket have agreed on (RFC 6455 §4.2.2).
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'trailer',
  'content-length',
  'alt-svc',
  'via',
  'x-understudy-id',
]);

/**
 * Fields whose values are made anew for each answer or follow from where, when and how fast it was made. Last-Modified
 * is among them since files get their times when a version is deployed, digests since they repeat what the body says.
 */
const VOLATILE_FIELDS: ReadonlySet<string> = new Set([
  // Times and validators.
  'date',
  'age',
  'expires',
  'last-modified',
  'etag',
  'retry-after',
  // Ids of requests and traces.
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'correlation-id',
  'x-trace-id',
  'trace-id',
  'x-span-id',
  'traceparent',
  'tracestate',
  'traceresponse',
  'baggage',
  'b3',
  'uber-trace-id',
  'x-amzn-trace-id',
  'x-amzn-requestid',
  'x-amz-request-id',
  'x-amz-id-2',
  'x-amz-cf-id',
  'x-amz-apigw-id',
  'x-cloud-trace-context',
  'x-github-request-id',
  'x-ms-request-id',
  'x-vcap-request-id',
  'x-goog-generation',
  'x-guploader-uploadid',
  'x-fastly-request-id',
  'fly-request-id',
  'cf-ray',
  'x-transaction-id',
  'x-debug-token',
  // Durations, machines, states of caches.
  'server-timing',
  'x-runtime',
  'x-response-time',
  'x-processing-time',
  'x-envoy-upstream-service-time',
  'x-kong-upstream-latency',
  'x-kong-proxy-latency',
  'x-timer',
  'x-served-by',
  'x-cache',
  'x-cache-hits',
  // What is left of a quota.
  'ratelimit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
  'x-ratelimit-used',
  'x-rate-limit-remaining',
  'x-rate-limit-reset',
  // Digests of the body, and ids of parts.
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'content-id',
]);
const VOLATILE_PREFIXES = ['x-b3-', 'x-datadog-', 'x-ot-span-'];

export function isVolatileField(name: string): boolean {
  return VOLATILE_FIELDS.has(name) || VOLATILE_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** Fields that are lists (RFC 9110 §5.6.1) whose order says nothing. */
const SET_FIELDS: ReadonlySet<string> = new Set([
  'vary',
  'allow',
  'cache-control',
  'surrogate-control',
  'cdn-cache-control',
  'pragma',
  'accept-ranges',
  'accept-patch',
  'accept-post',
  'link',
  'www-authenticate',
  'proxy-authenticate',
  'clear-site-data',
  'permissions-policy',
  'dav',
  'content-language',
]);
export function isSetField(name: string): boolean {
  return SET_FIELDS.has(name) || name.startsWith('access-control-');
}

/** Of these the members are names in any case. */
const CASELESS_FIELDS: ReadonlySet<string> = new Set([
  'vary',
  'cache-control',
  'pragma',
  'accept-ranges',
  'content-language',
  'content-encoding',
  'access-control-allow-headers',
  'access-control-expose-headers',
]);
export function isCaselessField(name: string): boolean {
  return CASELESS_FIELDS.has(name);
}

/** Fields of directives between semicolons, in any order. */
const DIRECTIVE_FIELDS: ReadonlySet<string> = new Set([
  'content-security-policy',
  'content-security-policy-report-only',
  'strict-transport-security',
]);
export function isDirectiveField(name: string): boolean {
  return DIRECTIVE_FIELDS.has(name);
}

/** A value and its parameters. */
const PARAMETER_FIELDS: ReadonlySet<string> = new Set(['content-type', 'content-disposition']);
export function isParameterField(name: string): boolean {
  return PARAMETER_FIELDS.has(name);
}

// What clients act on: without these an answer is another one …
const ESSENTIAL_FIELDS: ReadonlySet<string> = new Set([
  'content-type',
  'location',
  'set-cookie',
  'www-authenticate',
  'proxy-authenticate',
  'grpc-status',
]);
// … and with others of these it is kept, shown or let through differently.
const GOVERNING_FIELDS: ReadonlySet<string> = new Set([
  ...ESSENTIAL_FIELDS,
  'cache-control',
  'content-security-policy',
  'content-disposition',
  'content-encoding',
  'content-range',
  'content-location',
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
  'cross-origin-opener-policy',
  'cross-origin-embedder-policy',
  'cross-origin-resource-policy',
  'refresh',
  'retry-after',
  'allow',
  'vary',
  'link',
  'clear-site-data',
  'grpc-message',
]);

/** How likely it breaks a client that a field is gone. */
export function missingRisk(name: string): Risk {
  return ESSENTIAL_FIELDS.has(name) ? 'high' : changedRisk(name);
}

/** How likely it breaks a client that a field has another value. */
export function changedRisk(name: string): Risk {
  return GOVERNING_FIELDS.has(name) || name.startsWith('access-control-') ? 'medium' : 'low';
}

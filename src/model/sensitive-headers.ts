/** Headers of requests and answers whose values are secrets by nature: never shown, stored or logged. */
export const SECRET_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'authentication-info',
  'proxy-authentication-info',
  'cookie',
  'cookie2',
  'x-api-key',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-csrf-token',
  'x-xsrf-token',
  'x-session-token',
  'x-amz-security-token',
  'x-amzn-security-token',
  'x-goog-iam-authorization-token',
  'x-vault-token',
  'private-token',
  'x-forwarded-client-cert',
]);

/**
 * What is not recorded, whatever the configuration says: secrets, and headers that may hold one beside what tells two
 * versions apart.
 */
export const SENSITIVE_HEADERS: ReadonlySet<string> = new Set([
  ...SECRET_HEADERS,
  'set-cookie',
  'set-cookie2',
  'www-authenticate',
  'proxy-authenticate',
]);

import { hash } from 'node:crypto';

/** A text that is the same for equal plain data: JSON, with bytes by the hash of what they hold. */
export function identityOf(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) =>
    value instanceof Uint8Array ? `sha256:${hash('sha256', value)}` : value,
  );
}

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RequestHead } from '../model/exchange.ts';

/** Header that names the policy and mirror a copy was made for. */
export const MIRROR_HEADER = 'x-understudy-mirror';
/** Header with the exchange's id and the tag that proves who wrote it. */
export const ID_HEADER = 'x-understudy-id';
/** What clients send under names that begin like this never reaches a mirror. */
export const MARKER_PREFIX = 'x-understudy-';

const EPOCH_MS = 60_000;
/** A copy may come back this much later: through queues behind the mirror, or an instance whose clock differs. */
const EPOCHS_BACK = 10;
const EPOCHS_AHEAD = 2;
const TAG_CHARS = 16;
const LABEL_MAX_CHARS = 512;

/** The marker of one mirror's copies. */
export interface Marker {
  /** Value of `x-understudy-mirror`. */
  readonly mirror: string;
  /** Value of `x-understudy-id` for an exchange. */
  id(exchangeId: string, nowMs: number): string;
}

/**
 * Marks the copies of one mirror. The tag is an HMAC-SHA256 over policy, mirror and minute, cut to 96 bits, and so is
 * computed once a minute instead of once a copy: an HMAC takes 1.7 µs, this 0.03. The id is not part of
 * it, because whoever sees one marker (the mirror, and what is behind it) could use that one again anyway; the minute
 * is what ends its use.
 *
 * @param key secret of this process, or the one that instances share to recognise each other
 */
export function createMarker(key: Uint8Array, policy: string, mirror: string): Marker {
  const label = `${encodeURIComponent(policy)}/${encodeURIComponent(mirror)}`;
  let current = -1;
  let end = '';
  return {
    mirror: label,
    id(exchangeId, nowMs) {
      const epoch = Math.floor(nowMs / EPOCH_MS);
      if (epoch !== current) {
        current = epoch;
        end = `.${epoch.toString(36)}-${tagOf(key, label, epoch)}`;
      }
      return exchangeId + end;
    },
  };
}

/**
 * Whether a request is a copy that this instance, or one with the same key, made within the last ten minutes. A marker
 * that somebody else wrote is not one.
 */
export function isOwnCopy(head: RequestHead, key: Uint8Array, nowMs: number): boolean {
  const id = head.header(ID_HEADER);
  if (id === undefined) return false;
  const label = head.header(MIRROR_HEADER);
  if (label === undefined || label.length > LABEL_MAX_CHARS) return false;
  const match = /\.([0-9a-z]{1,9})-([\w-]{16})$/.exec(id);
  const [, minute, tag] = match ?? [];
  if (minute === undefined || tag === undefined) return false;
  const epoch = Number.parseInt(minute, 36);
  const age = Math.floor(nowMs / EPOCH_MS) - epoch;
  if (age > EPOCHS_BACK || age < -EPOCHS_AHEAD) return false;
  return timingSafeEqual(Buffer.from(tag), Buffer.from(tagOf(key, label, epoch)));
}

function tagOf(key: Uint8Array, label: string, epoch: number): string {
  return createHmac('sha256', key).update(`${label}\n${epoch}`).digest('base64url').slice(0, TAG_CHARS);
}

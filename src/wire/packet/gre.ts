import { u16be, u24be } from '../integers.ts';
import type { PacketFault, Tunnel } from './packet.ts';

/** Types of what is inside, as Ethernet has them (RFC 2784 §2.4, RFC 2637, draft-foschiano-erspan). */
const TYPE = { ethernet: 0x6558, ppp: 0x880b, erspan: 0x88be, erspan3: 0x22eb, ip: 0x0800 } as const;

/** What a GRE header says, and where what it carries begins. Used again for the next one. */
export interface GreHead {
  inner: number;
  /** An Ethernet type; `ppp` and `nothing` stand for what has none. */
  type: number | 'ppp' | 'nothing';
  /** Network of NVGRE, session of ERSPAN; -1 without. */
  vni: number;
  erspan: Extract<Tunnel, 'erspan1' | 'erspan2' | 'erspan3'> | undefined;
}

/**
 * Reads GRE (RFC 2784, RFC 2890), NVGRE (RFC 7637), PPTP's version 1 (RFC 2637), and ERSPAN (draft-foschiano-erspan) at
 * `bytes[at, end)`.
 *
 * @returns why it cannot be followed
 */
export function readGre(bytes: Uint8Array, at: number, end: number, head: GreHead): PacketFault | undefined {
  if (end - at < 4) return 'cut_header';
  const flags = u16be(bytes, at);
  const type = u16be(bytes, at + 2);
  const version = flags & 7;
  // Source routes (RFC 1701) are not in use any more.
  if (version > 1 || (version === 0 && (flags & 0x4000) !== 0)) return 'bad_header';
  const hasKey = (flags & 0x2000) !== 0;
  const hasSequence = (flags & 0x1000) !== 0;
  const key = at + 4 + ((flags & 0x8000) === 0 ? 0 : 4);
  const inner = key + (hasKey ? 4 : 0) + (hasSequence ? 4 : 0);
  head.vni = -1;
  head.erspan = undefined;
  if (version === 1) {
    head.inner = inner + ((flags & 0x80) === 0 ? 0 : 4);
    // Without a number it only acknowledges.
    head.type = hasSequence && type === TYPE.ppp ? 'ppp' : 'nothing';
    return head.inner > end ? 'cut_header' : undefined;
  }
  if (inner > end) return 'cut_header';
  if (type === TYPE.erspan) return readErspan(bytes, inner, end, hasSequence, head);
  if (type === TYPE.erspan3) return readErspan3(bytes, inner, end, head);
  head.inner = inner;
  head.type = type;
  if (hasKey && type === TYPE.ethernet) head.vni = u24be(bytes, key);
  return undefined;
}

/** Type I has no header of its own and no GRE sequence number; type II has both. */
function readErspan(
  bytes: Uint8Array,
  at: number,
  end: number,
  hasSequence: boolean,
  head: GreHead,
): PacketFault | undefined {
  head.type = TYPE.ethernet;
  if (!hasSequence) {
    head.erspan = 'erspan1';
    head.inner = at;
    return undefined;
  }
  if (end - at < 8) return 'cut_header';
  if ((bytes[at] as number) >> 4 !== 1) return 'bad_header';
  head.erspan = 'erspan2';
  head.inner = at + 8;
  head.vni = u16be(bytes, at + 2) & 0x3ff;
  return undefined;
}

function readErspan3(bytes: Uint8Array, at: number, end: number, head: GreHead): PacketFault | undefined {
  if (end - at < 12) return 'cut_header';
  if ((bytes[at] as number) >> 4 !== 2) return 'bad_header';
  const kind = u16be(bytes, at + 10);
  // The last bit tells of eight bytes for the platform; a frame type of 2 says IP.
  const inner = at + 12 + ((kind & 1) === 0 ? 0 : 8);
  if (inner > end) return 'cut_header';
  head.erspan = 'erspan3';
  head.inner = inner;
  head.type = ((kind >> 10) & 0x1f) === 2 ? TYPE.ip : TYPE.ethernet;
  head.vni = u16be(bytes, at + 2) & 0x3ff;
  return undefined;
}

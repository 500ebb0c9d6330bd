import { u16be } from '../integers.ts';
import { LINK } from '../pcap/frame.ts';
import type { CapturedFrame } from '../pcap/frame.ts';

const LINUX_COOKED_BYTES = 16;
const LINUX_COOKED2_BYTES = 20;
const LOOPBACK_BYTES = 4;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

/** A frame as Ethernet: `head` stands before `bytes[start, end)` of the frame. */
export interface EthernetForm {
  /** Empty where the frame is Ethernet already. */
  readonly head: Uint8Array;
  readonly start: number;
}

const AS_IT_IS = new Uint8Array(0);

/**
 * How a frame of any known link type looks as Ethernet, for readers that take one link type only.
 *
 * @returns undefined for a link type that is not known, and for what has no Ethernet type
 */
export function ethernetForm(frame: CapturedFrame): EthernetForm | undefined {
  const { bytes, start, end, linkType } = frame;
  switch (linkType) {
    case LINK.ethernet:
      return { head: AS_IT_IS, start };
    case LINK.linuxCooked:
      return end - start < LINUX_COOKED_BYTES
        ? undefined
        : form(u16be(bytes, start + LINUX_COOKED_BYTES - 2), start + LINUX_COOKED_BYTES);
    case LINK.linuxCooked2:
      return end - start < LINUX_COOKED2_BYTES
        ? undefined
        : form(u16be(bytes, start), start + LINUX_COOKED2_BYTES);
    case LINK.null:
    case LINK.loop:
      return form(typeOfIp(bytes, start + LOOPBACK_BYTES, end), start + LOOPBACK_BYTES);
    case LINK.raw:
    case LINK.rawBsd:
    case LINK.rawOpenBsd:
    case LINK.ipv4:
    case LINK.ipv6:
      return form(typeOfIp(bytes, start, end), start);
    default:
      return undefined;
  }
}

function typeOfIp(bytes: Uint8Array, at: number, end: number): number {
  const version = at < end ? (bytes[at] as number) >> 4 : 0;
  if (version === 4) return IPV4;
  return version === 6 ? IPV6 : 0;
}

/** Smaller numbers are no types (RFC 894, IEEE 802.3 §3.2.6). */
function form(type: number, start: number): EthernetForm | undefined {
  if (type < 0x0600) return undefined;
  return { head: Uint8Array.of(2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, type >> 8, type & 0xff), start };
}

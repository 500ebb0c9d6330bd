import { u16be, u16le, u32be, u32le } from '../integers.ts';
import { RECORD_BYTES_MAX } from './frame.ts';
import type { CaptureFault, CaptureHandler, CaptureReader } from './frame.ts';
import { OPTION, optionCount, readOptions, unitMicros } from './pcapng-options.ts';
import { RecordJoiner } from './record-joiner.ts';

/** Block types (draft-ietf-opsawg-pcapng §4). */
export const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  packet: 2,
  simplePacket: 3,
  names: 4,
  statistics: 5,
  enhancedPacket: 6,
  secrets: 10,
} as const;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const BLOCK_BYTES_MIN = 12;
const INTERFACES_MAX = 4096;
const NAME_RECORDS_MAX = 65_536;

interface Interface {
  readonly linkType: number;
  readonly snapBytes: number;
  readonly unitMicros: number;
  readonly offsetMicros: number;
}

/**
 * Reads pcapng files (draft-ietf-opsawg-pcapng) as a stream: any number of sections of either byte order, interfaces with
 * their own link type and clock, enhanced, simple and obsolete packet blocks, statistics, names and secrets. Other blocks
 * are skipped.
 */
export class PcapngDecoder implements CaptureReader {
  readonly #handler: CaptureHandler;
  readonly #joiner: RecordJoiner;
  readonly #interfaces: Interface[] = [];
  readonly #frame = {
    linkType: 0,
    bytes: new Uint8Array(0) as Uint8Array,
    start: 0,
    end: 0,
    originalBytes: 0,
    micros: 0,
    interfaceId: 0,
  };
  #bigEndian = false;
  #section = -1;
  #tooMany = false;
  #broken = false;

  constructor(handler: CaptureHandler) {
    this.#handler = handler;
    this.#joiner = new RecordJoiner({
      need: (bytes, at, end) => this.#need(bytes, at, end),
      take: (bytes, at, taken) => this.#block(bytes, at, taken),
    });
  }

  get broken(): boolean {
    return this.#broken;
  }

  write(chunk: Uint8Array): void {
    this.#joiner.write(chunk);
  }

  end(): void {
    const { pending } = this.#joiner;
    if (pending > 0) this.#handler.fault('cut_record', `the file ends ${pending} bytes into a block`);
    else if (this.#section < 0 && !this.#broken) this.#handler.fault('cut_record', 'the file is empty');
    this.#broken = true;
  }

  #need(bytes: Uint8Array, at: number, end: number): number {
    if (this.#broken) return 0;
    if (end - at < BLOCK_BYTES_MIN) return BLOCK_BYTES_MIN;
    // The type of a section header reads the same in both byte orders, and only then is the order known.
    const isSection = u32be(bytes, at) === BLOCK.section;
    if (isSection && !this.#readByteOrder(bytes, at)) return 0;
    if (!isSection && this.#section < 0) {
      this.#fail('bad_magic', 'a file that does not begin with a section');
      return 0;
    }
    const length = this.#u32(bytes, at + 4);
    if (length >= BLOCK_BYTES_MIN && length <= RECORD_BYTES_MAX && length % 4 === 0) return length;
    this.#fail('lying_length', `a block of ${length} bytes`);
    return 0;
  }

  #readByteOrder(bytes: Uint8Array, at: number): boolean {
    this.#bigEndian = u32be(bytes, at + 8) === BYTE_ORDER_MAGIC;
    if (this.#bigEndian || u32le(bytes, at + 8) === BYTE_ORDER_MAGIC) return true;
    this.#fail('bad_magic', 'a section without a byte order');
    return false;
  }

  #block(bytes: Uint8Array, at: number, length: number): void {
    const type = this.#u32(bytes, at);
    const from = at + 8;
    const end = at + length - 4;
    if (this.#u32(bytes, end) !== length) this.#bad('a block whose two lengths differ');
    else if (type === BLOCK.enhancedPacket) this.#enhancedPacket(bytes, from, end);
    else if (type === BLOCK.simplePacket) this.#simplePacket(bytes, from, end);
    else if (type === BLOCK.packet) this.#packet(bytes, from, end);
    else if (type === BLOCK.section) this.#beginSection(bytes, from, end);
    else if (type === BLOCK.interface) this.#interface(bytes, from, end);
    else if (type === BLOCK.statistics) this.#statistics(bytes, from, end);
    else if (type === BLOCK.secrets) this.#secrets(bytes, from, end);
    else if (type === BLOCK.names) this.#names(bytes, from, end);
  }

  #beginSection(bytes: Uint8Array, from: number, end: number): void {
    const version = from + 8 <= end ? this.#u16(bytes, from + 4) : 0;
    if (version !== 1) {
      this.#fail('bad_version', `pcapng version ${version}`);
      return;
    }
    this.#section++;
    this.#interfaces.length = 0;
    this.#tooMany = false;
  }

  #interface(bytes: Uint8Array, from: number, end: number): void {
    if (from + 8 > end) {
      this.#bad('a short interface description');
      return;
    }
    if (this.#interfaces.length >= INTERFACES_MAX) {
      if (!this.#tooMany)
        this.#handler.fault('too_many_interfaces', `more than ${INTERFACES_MAX} in a section`);
      this.#tooMany = true;
      return;
    }
    const options = readOptions(bytes, from + 8, end, this.#bigEndian);
    const resolution = options.get(OPTION.timestampResolution);
    const name = options.get(OPTION.interfaceName);
    const seconds = optionCount(bytes, options.get(OPTION.timestampOffset), this.#bigEndian) ?? 0;
    const description = {
      linkType: this.#u16(bytes, from),
      snapBytes: this.#u32(bytes, from + 4),
      unitMicros: resolution?.length === 1 ? unitMicros(bytes[resolution.at] ?? 6) : 1,
      // Signed; what is not a time of this world counts as no offset.
      offsetMicros: seconds < 2 ** 40 ? seconds * 1e6 : 0,
    };
    this.#interfaces.push(description);
    this.#handler.interface?.({
      section: this.#section,
      interfaceId: this.#interfaces.length - 1,
      linkType: description.linkType,
      snapBytes: description.snapBytes,
      name: name === undefined ? '' : textOf(bytes, name.at, name.length),
    });
  }

  #enhancedPacket(bytes: Uint8Array, from: number, end: number): void {
    if (from + 20 > end) {
      this.#bad('a short packet block');
      return;
    }
    const id = this.#u32(bytes, from);
    this.#timed(bytes, from, end, id, this.#u32(bytes, from + 12), this.#u32(bytes, from + 16));
  }

  /** The obsolete one (§A): a 16-bit interface number and a drop count stand where the number stands now. */
  #packet(bytes: Uint8Array, from: number, end: number): void {
    if (from + 20 > end) {
      this.#bad('a short packet block');
      return;
    }
    const id = this.#u16(bytes, from);
    this.#timed(bytes, from, end, id, this.#u32(bytes, from + 12), this.#u32(bytes, from + 16));
  }

  #timed(
    bytes: Uint8Array,
    from: number,
    end: number,
    id: number,
    captured: number,
    originalBytes: number,
  ): void {
    const description = this.#interfaces[id];
    if (description === undefined) {
      this.#handler.fault('no_interface', `a frame of interface ${id}`);
      return;
    }
    const start = from + 20;
    if (captured > end - start) {
      this.#bad(`a frame of ${captured} bytes in a block of fewer`);
      return;
    }
    const units = this.#u32(bytes, from + 4) * 2 ** 32 + this.#u32(bytes, from + 8);
    const frame = this.#frame;
    frame.linkType = description.linkType;
    frame.bytes = bytes;
    frame.start = start;
    frame.end = start + captured;
    frame.originalBytes = Math.max(originalBytes, captured);
    frame.micros = units * description.unitMicros + description.offsetMicros;
    frame.interfaceId = id;
    this.#handler.frame(frame);
  }

  #simplePacket(bytes: Uint8Array, from: number, end: number): void {
    const description = this.#interfaces[0];
    if (description === undefined || from + 4 > end) {
      this.#handler.fault(description === undefined ? 'no_interface' : 'bad_block', 'a simple packet block');
      return;
    }
    const originalBytes = this.#u32(bytes, from);
    const start = from + 4;
    const frame = this.#frame;
    const snapBytes = description.snapBytes === 0 ? Infinity : description.snapBytes;
    frame.linkType = description.linkType;
    frame.bytes = bytes;
    frame.start = start;
    frame.end = start + Math.min(originalBytes, snapBytes, end - start);
    frame.originalBytes = originalBytes;
    frame.micros = 0;
    frame.interfaceId = 0;
    this.#handler.frame(frame);
  }

  #statistics(bytes: Uint8Array, from: number, end: number): void {
    if (from + 12 > end) {
      this.#bad('a short statistics block');
      return;
    }
    const interfaceId = this.#u32(bytes, from);
    const description = this.#interfaces[interfaceId];
    if (description === undefined) {
      this.#handler.fault('no_interface', `statistics of interface ${interfaceId}`);
      return;
    }
    const options = readOptions(bytes, from + 12, end, this.#bigEndian);
    const count = (code: number) => optionCount(bytes, options.get(code), this.#bigEndian);
    const units = this.#u32(bytes, from + 4) * 2 ** 32 + this.#u32(bytes, from + 8);
    this.#handler.statistics?.({
      section: this.#section,
      interfaceId,
      micros: units * description.unitMicros + description.offsetMicros,
      received: count(OPTION.received),
      droppedByInterface: count(OPTION.droppedByInterface),
      droppedByKernel: count(OPTION.droppedByKernel),
    });
  }

  #secrets(bytes: Uint8Array, from: number, end: number): void {
    const length = from + 8 <= end ? this.#u32(bytes, from + 4) : Infinity;
    if (length > end - from - 8) {
      this.#bad('secrets longer than their block');
      return;
    }
    this.#handler.secrets?.(this.#u32(bytes, from), bytes.subarray(from + 8, from + 8 + length));
  }

  /** Names of addresses (§4.4): type 1 is IPv4, 2 is IPv6; a record may hold several names, of which the first is taken. */
  #names(bytes: Uint8Array, from: number, end: number): void {
    if (this.#handler.name === undefined) return;
    let at = from;
    for (let i = 0; i < NAME_RECORDS_MAX && at + 4 <= end; i++) {
      const type = this.#u16(bytes, at);
      const length = this.#u16(bytes, at + 2);
      if (type === 0) return;
      const addressBytes = type === 1 ? 4 : 16;
      if (at + 4 + length > end || (type <= 2 && length < addressBytes)) {
        this.#bad('a name longer than its block');
        return;
      }
      if (type <= 2) {
        const nameAt = at + 4 + addressBytes;
        const stop = bytes.subarray(nameAt, at + 4 + length).indexOf(0);
        const name = textOf(bytes, nameAt, stop < 0 ? length - addressBytes : stop);
        this.#handler.name(bytes.subarray(at + 4, nameAt), name);
      }
      at += 4 + ((length + 3) & ~3);
    }
  }

  #u16(bytes: Uint8Array, at: number): number {
    return this.#bigEndian ? u16be(bytes, at) : u16le(bytes, at);
  }

  #u32(bytes: Uint8Array, at: number): number {
    return this.#bigEndian ? u32be(bytes, at) : u32le(bytes, at);
  }

  #bad(detail: string): void {
    this.#handler.fault('bad_block', detail);
  }

  #fail(kind: CaptureFault, detail: string): void {
    this.#broken = true;
    this.#handler.fault(kind, detail);
  }
}

const TEXT = new TextDecoder();

function textOf(bytes: Uint8Array, at: number, length: number): string {
  return TEXT.decode(bytes.slice(at, at + length));
}

import { BLOCK, BYTE_ORDER_MAGIC } from './pcapng-decoder.ts';
import { OPTION } from './pcapng-options.ts';

/** Byte order of what is written; `little` is what most readers expect. */
export interface EncodeOptions {
  readonly bigEndian?: boolean;
  /** Nanoseconds instead of microseconds; false by default. */
  readonly nanos?: boolean;
}

export interface EncodedFrame {
  readonly bytes: Uint8Array;
  /** Microseconds since the Unix epoch. */
  readonly micros: number;
  /** Length on the network; by default that of `bytes`. */
  readonly originalBytes?: number;
  /** Which interface of a pcapng file it came from; 0 by default. */
  readonly interfaceId?: number;
}

/** Figures of an interface, as `InterfaceStatistics` has them. */
export interface EncodedStatistics {
  readonly interfaceId: number;
  readonly micros: number;
  readonly received: number;
  readonly droppedByInterface: number;
  readonly droppedByKernel: number;
}

const SNAP_BYTES = 262_144;

/** The head of a classic pcap file (draft-ietf-opsawg-pcap §4). */
export function encodePcapHead(linkType: number, options: EncodeOptions = {}): Uint8Array {
  const head = new DataView(new ArrayBuffer(24));
  const little = options.bigEndian !== true;
  head.setUint32(0, options.nanos === true ? 0xa1b23c4d : 0xa1b2c3d4, little);
  head.setUint16(4, 2, little);
  head.setUint16(6, 4, little);
  head.setUint32(16, SNAP_BYTES, little);
  head.setUint32(20, linkType, little);
  return bytesOf(head);
}

/** One record of a classic pcap file. */
export function encodePcapRecord(frame: EncodedFrame, options: EncodeOptions = {}): Uint8Array {
  const { bytes, micros } = frame;
  const record = new DataView(new ArrayBuffer(16 + bytes.length));
  const little = options.bigEndian !== true;
  const seconds = Math.floor(micros / 1e6);
  const rest = micros - seconds * 1e6;
  record.setUint32(0, seconds, little);
  record.setUint32(4, Math.floor(options.nanos === true ? rest * 1e3 : rest), little);
  record.setUint32(8, bytes.length, little);
  record.setUint32(12, frame.originalBytes ?? bytes.length, little);
  const all = bytesOf(record);
  all.set(bytes, 16);
  return all;
}

/** The head of a pcapng section (draft-ietf-opsawg-pcapng §4.1) of unknown length. */
export function encodeSection(options: EncodeOptions = {}): Uint8Array {
  const body = new DataView(new ArrayBuffer(16));
  const little = options.bigEndian !== true;
  body.setUint32(0, BYTE_ORDER_MAGIC, little);
  body.setUint16(4, 1, little);
  body.setInt32(8, -1, little);
  body.setInt32(12, -1, little);
  return block(BLOCK.section, bytesOf(body), little);
}

/** An interface description (§4.2). `timestampResolution` is `if_tsresol`: 6 and 9 are what frames can be written with. */
export function encodeInterface(linkType: number, name = '', options: EncodeOptions = {}): Uint8Array {
  const little = options.bigEndian !== true;
  const head = new DataView(new ArrayBuffer(8));
  head.setUint16(0, linkType, little);
  head.setUint32(4, SNAP_BYTES, little);
  const parts = [bytesOf(head)];
  if (name !== '') parts.push(option(OPTION.interfaceName, Buffer.from(name), little));
  parts.push(option(OPTION.timestampResolution, Uint8Array.of(options.nanos === true ? 9 : 6), little));
  parts.push(option(OPTION.end, new Uint8Array(0), little));
  return block(BLOCK.interface, Buffer.concat(parts), little);
}

/** An enhanced packet block (§4.3). */
export function encodeFrame(frame: EncodedFrame, options: EncodeOptions = {}): Uint8Array {
  const { bytes } = frame;
  const little = options.bigEndian !== true;
  const body = new DataView(new ArrayBuffer(20 + ((bytes.length + 3) & ~3)));
  body.setUint32(0, frame.interfaceId ?? 0, little);
  setUnits(body, 4, frame.micros, options);
  body.setUint32(12, bytes.length, little);
  body.setUint32(16, frame.originalBytes ?? bytes.length, little);
  const all = bytesOf(body);
  all.set(bytes, 20);
  return block(BLOCK.enhancedPacket, all, little);
}

/** Interface statistics (§4.5). */
export function encodeStatistics(figures: EncodedStatistics, options: EncodeOptions = {}): Uint8Array {
  const little = options.bigEndian !== true;
  const head = new DataView(new ArrayBuffer(12));
  head.setUint32(0, figures.interfaceId, little);
  setUnits(head, 4, figures.micros, options);
  const counts: readonly (readonly [number, number])[] = [
    [OPTION.received, figures.received],
    [OPTION.droppedByInterface, figures.droppedByInterface],
    [OPTION.droppedByKernel, figures.droppedByKernel],
  ];
  const parts = counts.map(([code, count]) => {
    const value = new DataView(new ArrayBuffer(8));
    value.setBigUint64(0, BigInt(count), little);
    return option(code, bytesOf(value), little);
  });
  const body = Buffer.concat([bytesOf(head), ...parts, option(OPTION.end, new Uint8Array(0), little)]);
  return block(BLOCK.statistics, body, little);
}

/** Secrets (§4.7), such as a TLS key log. */
export function encodeSecrets(type: number, content: Uint8Array, options: EncodeOptions = {}): Uint8Array {
  const little = options.bigEndian !== true;
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, type, little);
  head.setUint32(4, content.length, little);
  return block(BLOCK.secrets, Buffer.concat([bytesOf(head), content]), little);
}

function setUnits(view: DataView, at: number, micros: number, options: EncodeOptions): void {
  const little = options.bigEndian !== true;
  const units = options.nanos === true ? BigInt(Math.round(micros * 1e3)) : BigInt(Math.round(micros));
  view.setUint32(at, Number(units >> 32n), little);
  view.setUint32(at + 4, Number(units & 0xffffffffn), little);
}

function option(code: number, value: Uint8Array, little: boolean): Uint8Array {
  const head = new DataView(new ArrayBuffer(4 + ((value.length + 3) & ~3)));
  head.setUint16(0, code, little);
  head.setUint16(2, value.length, little);
  const all = bytesOf(head);
  all.set(value, 4);
  return all;
}

/** Type, length, body padded to four bytes, and the length again. */
function block(type: number, body: Uint8Array, little: boolean): Uint8Array {
  const padded = (body.length + 3) & ~3;
  const view = new DataView(new ArrayBuffer(12 + padded));
  view.setUint32(0, type, little);
  view.setUint32(4, view.byteLength, little);
  view.setUint32(8 + padded, view.byteLength, little);
  const all = bytesOf(view);
  all.set(body, 8);
  return all;
}

function bytesOf(view: DataView<ArrayBuffer>): Uint8Array {
  return new Uint8Array(view.buffer);
}

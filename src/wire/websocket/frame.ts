/** Opcodes (RFC 6455 §5.2). */
export const OPCODE = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/** Longest payload of a control frame, octets (RFC 6455 §5.5). */
export const CONTROL_MAX_BYTES = 125;

/** No code was in the Close frame; there was no Close frame. Never on the wire (RFC 6455 §7.4.1). */
export const NO_STATUS = 1005;
export const ABNORMAL = 1006;

/**
 * A whole message, or a control frame, in one frame as a client sends it (RFC 6455 §5.2, §5.3).
 *
 * @param mask four octets nobody can foresee
 */
export function encodeClientFrame(opcode: number, payload: Uint8Array, mask: Uint8Array): Buffer {
  const { length } = payload;
  const headBytes = length < 126 ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + 4 + length);
  frame[0] = 0x80 | opcode;
  if (headBytes === 2) frame[1] = 0x80 | length;
  else if (headBytes === 4) {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 0x80 | 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length >>> 0, 6);
  }
  frame.set(mask.subarray(0, 4), headBytes);
  const start = headBytes + 4;
  for (let i = 0; i < length; i++) frame[start + i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return frame;
}

/** What a Close frame holds; nothing for {@link NO_STATUS}. The reason is cut to what fits. */
export function closePayload(code: number, reason = ''): Buffer {
  if (code === NO_STATUS || code === ABNORMAL) return Buffer.alloc(0);
  let text = Buffer.from(reason);
  if (text.length > CONTROL_MAX_BYTES - 2) {
    let end = CONTROL_MAX_BYTES - 2;
    while (((text[end] ?? 0) & 0xc0) === 0x80) end--;
    text = text.subarray(0, end);
  }
  const payload = Buffer.allocUnsafe(2 + text.length);
  payload.writeUInt16BE(code, 0);
  payload.set(text, 2);
  return payload;
}

/** Frame types of RFC 9113 §6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Octets before the payload of each frame (§4.1). */
export const FRAME_HEAD_BYTES = 9;
/** Largest payload before anybody allows more (§6.5.2), octets. */
export const DEFAULT_FRAME_BYTES = 16_384;
/** Largest payload that anybody can allow, octets. */
export const MAX_FRAME_BYTES = 2 ** 24 - 1;

/** Parameters of SETTINGS (§6.5.2, and RFC 8441 §3). */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** What a client says first (§3.4). */
export const CLIENT_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Error codes (§7) by their number. */
export const ERROR_CODE = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
} as const;

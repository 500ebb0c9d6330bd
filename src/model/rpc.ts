import { Buffer } from 'node:buffer';

/** How messages and the outcome of a call are carried. Unary Connect calls are plain HTTP, and no such protocol. */
export type RpcProtocol = 'grpc' | 'grpc-web' | 'grpc-web-text' | 'connect';

export interface Rpc {
  readonly protocol: RpcProtocol;
  /** What messages are written in: `proto`, `json`, or another word. */
  readonly codec: string;
}

const TYPE = /^application\/(grpc-web-text|grpc-web|grpc|connect)(?:\+([a-z\d.+-]{1,32}))?\s*(?:;|$)/i;

/**
 * The protocol that a Content-Type tells: gRPC (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md), gRPC-Web (PROTOCOL-WEB.md)
 * or a Connect stream (connectrpc.com/docs/protocol).
 */
export function rpcOf(contentType: string): Rpc | undefined {
  if (!contentType.startsWith('application/')) return undefined;
  const [, name = '', codec = 'proto'] = TYPE.exec(contentType) ?? [];
  const protocol = name.toLowerCase();
  if (
    protocol === 'grpc' ||
    protocol === 'grpc-web' ||
    protocol === 'grpc-web-text' ||
    protocol === 'connect'
  )
    return { protocol, codec: codec.toLowerCase() };
  return undefined;
}

/** The bytes of a gRPC-Web text body: base64, in parts that may each be padded. Undefined when it is none. */
export function decodeWebText(bytes: Buffer): Buffer | undefined {
  const text = bytes.toString('latin1');
  if (!/^[A-Za-z\d+/=\s]*$/.test(text)) return undefined;
  const parts = text.replaceAll(/\s/g, '').match(/[A-Za-z\d+/]+=*/g) ?? [];
  return Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')));
}

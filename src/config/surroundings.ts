import { X509Certificate, createPrivateKey } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError, messageOf } from '../kit/errors.ts';

/** What a configuration refers to outside of itself. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A path as written, made absolute. */
  absolute(path: string): string;
  /**
   * The text of a file; its size is bounded.
   *
   * @throws UserError when it cannot be read
   */
  readText(path: string): string;
}

/** Longest certificate, key or token file, bytes. A bundle of all public authorities has a quarter of a MiB. */
const MAX_FILE_BYTES = 4 * 2 ** 20;

/** The files on this machine, with relative paths starting from a folder. */
export function diskSurroundings(
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Surroundings {
  return {
    env,
    absolute: (path) => resolve(folder, path),
    readText: (path) => readBounded(resolve(folder, path), MAX_FILE_BYTES),
  };
}

/** The folder that relative paths in a configuration file start from. */
export function folderOf(file: string): string {
  return dirname(resolve(file));
}

/**
 * Reads UTF-8 text of at most `maxBytes`, also from pipes and devices whose length is not known before.
 *
 * @throws UserError when there is no such file, it cannot be read, is longer or not UTF-8
 */
export function readBounded(path: string, maxBytes: number): string {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    const file = openSync(path, 'r');
    try {
      for (;;) {
        const chunk = Buffer.alloc(64 * 1024);
        const length = readSync(file, chunk);
        if (length === 0) break;
        total += length;
        if (total > maxBytes) break;
        chunks.push(chunk.subarray(0, length));
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (total > maxBytes) {
    throw new UserError(`${path} has more than ${maxBytes} bytes`, {
      code: 'config',
      hint: 'is it the right file?',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new UserError(`${path} is not UTF-8 text`, {
      code: 'config',
      hint: 'is it the right file?',
      cause: error,
    });
  }
}

/** @throws UserError when the text holds no certificate that can be read */
export function checkCertificates(pem: string, path: string): void {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new UserError(`${path} holds no certificate`, {
      code: 'config',
      hint: 'it has to be in PEM form, with a line -----BEGIN CERTIFICATE-----',
    });
  }
  parsed(path, 'certificate', () => new X509Certificate(pem));
}

/** @throws UserError when the text holds no private key that can be read without a password */
export function checkPrivateKey(pem: string, path: string): void {
  if (!pem.includes('PRIVATE KEY-----')) {
    throw new UserError(`${path} holds no private key`, {
      code: 'config',
      hint: 'it has to be in PEM form, with a line -----BEGIN PRIVATE KEY-----',
    });
  }
  if (pem.includes('ENCRYPTED')) {
    throw new UserError(`${path} is locked with a password`, {
      code: 'config',
      hint: 'unlock it: openssl pkey -in locked.key -out tls.key; and guard the result with file permissions',
    });
  }
  parsed(path, 'private key', () => createPrivateKey(pem));
}

/** Whether a key belongs to (the first) certificate. */
export function isPair(certificatePem: string, keyPem: string): boolean {
  return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
}

function parsed(path: string, what: string, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw new UserError(`the ${what} in ${path} cannot be read: ${messageOf(error)}`, {
      code: 'config',
      cause: error,
    });
  }
}

function unreadable(path: string, error: unknown): UserError {
  const code = (error as { readonly code?: unknown } | null)?.code;
  const reason =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'reading it is not permitted'
        : code === 'EISDIR'
          ? 'it is a folder'
          : messageOf(error);
  return new UserError(`cannot read ${path}: ${reason}`, {
    code: 'config',
    hint: 'relative paths start from the folder of the configuration file',
    cause: error,
  });
}

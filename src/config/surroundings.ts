import { X509Certificate, createPrivateKey } from 'node:crypto';
import { closeSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
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
  /**
   * The bytes of a file.
   *
   * @throws UserError when it cannot be read, or has more than `maxBytes`
   */
  readBytes(path: string, maxBytes: number): Uint8Array;
  /** Whether there is a file that can be read. */
  exists(path: string): boolean;
  /**
   * Files below a folder whose names end so, as paths from there with slashes, in order. Links are not followed.
   *
   * @throws UserError when there is no such folder, or it has more than `max`
   */
  filesBelow(folder: string, ending: string, max: number): readonly string[];
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
    readBytes: (path, maxBytes) => readBytesBounded(resolve(folder, path), maxBytes),
    exists: (path) => statSync(resolve(folder, path), { throwIfNoEntry: false })?.isFile() ?? false,
    filesBelow: (path, ending, max) => filesBelow(resolve(folder, path), ending, max),
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
  const bytes = readBytesBounded(path, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UserError(`${path} is not UTF-8 text`, {
      code: 'config',
      hint: 'is it the right file?',
      cause: error,
    });
  }
}

function readBytesBounded(path: string, maxBytes: number): Buffer {
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
  return Buffer.concat(chunks);
}

/** Folders in folders that are looked into. */
const MAX_FOLDER_DEPTH = 16;
/** Entries of folders that are looked at for each file that is wanted. */
const ENTRIES_PER_FILE = 20;

function filesBelow(root: string, ending: string, max: number): readonly string[] {
  const found: string[] = [];
  let entries = 0;
  const look = (below: string, depth: number) => {
    for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (++entries > max * ENTRIES_PER_FILE || found.length > max) {
        throw new UserError(`${root} has too many files`, { code: 'config', hint: 'give a folder below it' });
      }
      if (entry.isDirectory() && depth < MAX_FOLDER_DEPTH) look(path, depth + 1);
      else if (entry.isFile() && entry.name.endsWith(ending)) found.push(path);
    }
  };
  try {
    look('', 0);
  } catch (error) {
    throw error instanceof UserError ? error : unreadable(root, error);
  }
  return found.toSorted();
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

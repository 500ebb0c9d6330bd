import { close, constants, fstatSync, open as openDescriptor } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { UserError, messageOf } from '../kit/errors.ts';

/** What can be opened: something that can be read at once, or a stream that bytes come out of when they come. */
export type ByteSource =
  | { readonly kind: 'file'; readonly file: FileHandle }
  | { readonly kind: 'stream'; readonly stream: Socket };

/** A FIFO without a writer would keep its reader in `open`, and a thread in a system call cannot be ended. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Opens a file, a FIFO, or with `-` standard input.
 *
 * @throws UserError when it is not there, may not be read, or holds no bytes
 */
export async function openBytes(path: string): Promise<ByteSource> {
  if (path === '-') return openStandardInput();
  try {
    const found = await stat(path);
    if (found.isFIFO()) return { kind: 'stream', stream: await openFifo(path) };
    // Devices too: /dev/stdin is one, behind its link.
    if (found.isFile() || found.isCharacterDevice()) return { kind: 'file', file: await open(path, READ) };
    throw new UserError(`${path} is ${found.isDirectory() ? 'a folder' : 'not a file'}`, {
      where: path,
      hint: 'Name a capture file, a FIFO, or - for standard input.',
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`, { where: path, cause: error });
  }
}

async function openFifo(path: string): Promise<Socket> {
  const fd = await promisify(openDescriptor)(path, READ, 0);
  try {
    return new Socket({ fd, readable: true, writable: false });
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Works in every thread, which `process.stdin` does not. */
async function openStandardInput(): Promise<ByteSource> {
  const hint = 'Pipe a capture into it: tcpdump -U -w - | understudy run --capture -';
  if (isatty(0)) throw new UserError('standard input is a terminal', { where: '-', hint });
  try {
    const found = fstatSync(0);
    // Opened anew it has a place of its own; nobody else reads from there.
    if (found.isFile() || found.isCharacterDevice())
      return { kind: 'file', file: await open('/dev/stdin', READ) };
    return { kind: 'stream', stream: new Socket({ fd: 0, readable: true, writable: false }) };
  } catch (error) {
    throw new UserError(`standard input cannot be read: ${messageOf(error)}`, {
      where: '-',
      hint,
      cause: error,
    });
  }
}

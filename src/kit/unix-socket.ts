import { lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Removes the socket file of a program that is gone, so that its path can be listened on again. A file that is no socket,
 * and a socket on which somebody answers, stay.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const file = await lstat(path).catch(() => undefined);
  if (file?.isSocket() === true && !(await isAnswered(path))) await rm(path, { force: true });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Only a refusal proves that nobody is there; a full backlog or a lack of rights does not.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Compiles a C file of this directory into `folder`.
 *
 * @returns path of the program
 * @throws Error with the compiler's words
 */
export function compile(compiler: string, source: string, folder: string): string {
  const program = join(folder, source.replace(/\.c$/, ''));
  const path = fileURLToPath(new URL(source, import.meta.url));
  const { status, stderr } = spawnSync(compiler, ['-O2', '-o', program, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${source}: ${stderr}`);
  return program;
}

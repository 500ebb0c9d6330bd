import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Servers live in sbin on Debian, which is not on every user's PATH. */
const MORE = ['/usr/sbin', '/usr/local/sbin'];

/** Finds a program on PATH, then in the directory that UNDERSTUDY_PEERS names. */
export function findBinary(name: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...MORE,
    process.env['UNDERSTUDY_PEERS'] ?? '',
  ];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first version number that a program prints. */
export function versionOf(file: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', timeout: 10_000 });
  return `${stdout}${stderr}`.match(/\d+\.\d+[.\w-]*/)?.[0] ?? 'unknown';
}

import type { SQLOutputValue } from 'node:sqlite';
import { StoreError } from './store-error.ts';

/** A row as SQLite gives it. Whoever can write the file can put anything in it, so every value is looked at. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** @throws StoreError `damaged` when it is no text */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw damaged(column);
  return value;
}

/** @throws StoreError `damaged` when it is no number */
export function numberOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw damaged(column);
  return value;
}

/** @throws StoreError `damaged` when it is neither a number nor NULL */
export function optionalNumberOf(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : numberOf(row, column);
}

/** @throws StoreError `damaged` when it is no blob */
export function blobOf(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw damaged(column);
  return value;
}

/** A whole number for a column; what is none becomes 0, so that one odd value costs no batch. */
export function whole(value: number): number {
  return Number.isSafeInteger(Math.trunc(value)) ? Math.trunc(value) : 0;
}

export function damaged(what: string, cause?: unknown): StoreError {
  return new StoreError(
    'damaged',
    `the store's file is damaged at "${what}"`,
    'set the file aside, or leave out what cannot be read',
    cause,
  );
}

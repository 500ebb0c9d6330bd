import { textFault } from './content.ts';
import type { BodyFault } from '../model/difference.ts';
import type { Content, Faults } from './format.ts';

/** What was read of a body, or why it could not be. */
export type ReadOrFault<Read> =
  | { readonly read: Read; readonly fault?: undefined }
  | { readonly fault: BodyFault };

/** Reads the text of a content; a content that is no text in its charset is a fault. */
export function readText<Read>(
  content: Content,
  read: (text: string) => ReadOrFault<Read>,
): ReadOrFault<Read> {
  const text = content.text();
  return text === undefined ? { fault: textFault(content) } : read(text);
}

/** The faults of two bodies of which at least one could not be read. */
export function faultsOf(primary: ReadOrFault<unknown>, other: ReadOrFault<unknown>): Faults {
  return { primary: primary.fault, other: other.fault };
}

import { readFileSync } from 'node:fs';

// Read rather than imported: the published package has it outside of what the compiler emits.
const { version: published } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as {
  readonly version: string;
};

/** Version of this program, as published. */
export const version: string = published;

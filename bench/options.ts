import { parseArgs } from 'node:util';

/** How long and how often everything is measured, and what of it. */
export interface Options {
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Names of scenarios and contenders; empty means all. */
  readonly only: readonly string[];
  readonly json: string;
  readonly help: boolean;
}

export const USAGE = `usage: npm run bench -- [--quick] [--only NAME,NAME] [--rounds N] [--seconds N] [--json FILE]

  --quick     2 rounds of 2 s (default: 5 rounds of 5 s)
  --only      scenarios and contenders to run, by name; naming none of a kind means all of that kind
  --rounds    rounds per contender; contenders take turns within a round
  --seconds   length of one measurement
  --json      where the figures go (default: out/bench.json)

Envoy and Traefik are looked for on PATH, then in the directory that UNDERSTUDY_PEERS names.
`;

/**
 * Reads the command line.
 *
 * @throws TypeError for an unknown flag, RangeError for a number out of range
 */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string', default: 'out/bench.json' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return {
    quick: values.quick,
    rounds: whole('rounds', values.rounds ?? (values.quick ? '2' : '5'), 100),
    seconds: whole('seconds', values.seconds ?? (values.quick ? '2' : '5'), 600),
    warmUpSeconds: values.quick ? 1 : 3,
    only: values.only.split(',').filter((name) => name !== ''),
    json: values.json,
    help: values.help,
  };
}

function whole(name: string, text: string, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= most) return number;
  throw new RangeError(`--${name} ${text}: give a whole number from 1 to ${most}`);
}

/** Whether a name is asked for: it is listed, or nothing of its kind is. */
export function wanted(only: readonly string[], kind: readonly string[], name: string): boolean {
  const named = only.filter((entry) => kind.includes(entry));
  return named.length === 0 || named.includes(name);
}

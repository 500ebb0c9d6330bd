import type { CopyPreview } from '../config/check.ts';
import type { Clock } from '../kit/clock.ts';
import type { StartRuntime } from '../model/runtime.ts';

/** A command as data; one file per command. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What comes after the command's name: `[--config FILE] [options]`. */
  readonly usage: string;
  /** One or two sentences more. */
  readonly description?: string;
  readonly options: readonly Option[];
  /** What may stand without a dash, for completion; none when absent. */
  readonly operands?: readonly string[];
  readonly examples: readonly Example[];
  /** @returns the exit code */
  readonly run: (input: Input, context: Context) => Promise<number>;
}

export interface Option {
  /** Without dashes. */
  readonly name: string;
  readonly help: string;
  /** Name of its value in help; a flag without a value has none. */
  readonly value?: string;
  /** The only values it takes. */
  readonly values?: readonly string[];
  /** May be given more than once. */
  readonly many?: boolean;
}

export interface Example {
  readonly what: string;
  readonly command: string;
}

/** What was typed after the command's name. */
export interface Input {
  /** Values by option name, in the order they were given in; an option without a value has an empty text. */
  readonly options: Readonly<Record<string, readonly string[]>>;
  readonly operands: readonly string[];
}

/** What a command has of the world. */
export interface Context {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
  readonly err: Output;
  readonly signals: Signals;
  /** Undefined where nobody can press a key. */
  readonly keyboard?: Keyboard | undefined;
  readonly clock: Clock;
  readonly startRuntime: StartRuntime;
  /** How a copy's head would look, for `check`. */
  readonly preview?: CopyPreview;
  /** Every command, for help and completion. */
  readonly commands: readonly Command[];
}

export interface Output {
  write(text: string): void;
  /** Whether a person sees it as it comes. */
  readonly terminal: boolean;
  readonly colour: boolean;
  /** Width and height of the terminal now. */
  readonly columns: number;
  readonly rows: number;
}

/** Keys and the size of the terminal that a person sits at. */
export interface Keyboard {
  /** Calls `listener` with each key (Ctrl-C is one of them) until the result is called; keys are not shown meanwhile. */
  listen(listener: (key: string) => void): () => void;
  /** Calls `listener` when the terminal changes its size, until the result is called. */
  onResize(listener: () => void): () => void;
}

export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Signals of the process; a signal that nobody listens to does what it does by default. */
export interface Signals {
  on(name: SignalName, listener: () => void): unknown;
  off(name: SignalName, listener: () => void): unknown;
}

/** Exit codes (sysexits.h for the last two). */
export const EXIT = { done: 0, fail: 1, undecided: 2, usage: 64, internal: 70 } as const;

/** The only or last value of an option. */
export function valueOf(input: Input, name: string): string | undefined {
  return input.options[name]?.at(-1);
}

export function isGiven(input: Input, name: string): boolean {
  return input.options[name] !== undefined;
}

import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type { LogEntry, LogFields, LogLevel } from './log-line.ts';
import { LOG_LEVELS, jsonLine, textLine } from './log-line.ts';

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to each line. */
  with(fields: LogFields): Logger;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: text where `write` goes to a terminal, JSON lines elsewhere. */
  readonly format: 'auto' | 'json' | 'text';
  readonly terminal: boolean;
  /** False also on a terminal when `NO_COLOR` is set. */
  readonly colour: boolean;
  /** Takes one line, with its line end. */
  readonly write: (line: string) => void;
  /** Lines with the same message per second; what is above is counted in the next one's `suppressed`. Default 20. */
  readonly linesPerSecond?: number;
  readonly clock?: Clock;
}

/** Different messages that the rate limit remembers; messages are constants of the program, so this is never reached. */
const MESSAGES_LIMIT = 1024;

/** A logger that writes one line per call: JSON for programs, text for people. Values of secret fields are never written. */
export function createLogger(options: LogOptions): Logger {
  const { write, linesPerSecond = 20, clock = systemClock } = options;
  const text = options.format === 'text' || (options.format === 'auto' && options.terminal);
  const format = text ? (entry: LogEntry) => textLine(entry, options.colour) : jsonLine;
  const lowest = LOG_LEVELS.indexOf(options.level);
  const allow = messageLimit(linesPerSecond, clock);

  function log(level: LogLevel, base: LogFields, message: string, fields: LogFields): void {
    if (LOG_LEVELS.indexOf(level) < lowest) return;
    const suppressed = allow(message);
    if (suppressed === undefined) return;
    const all = suppressed === 0 ? { ...base, ...fields } : { ...base, ...fields, suppressed };
    write(format({ at: clock.now(), level, message, fields: all }));
  }

  function withFields(base: LogFields): Logger {
    return {
      debug: (message, fields = {}) => log('debug', base, message, fields),
      info: (message, fields = {}) => log('info', base, message, fields),
      warn: (message, fields = {}) => log('warn', base, message, fields),
      error: (message, fields = {}) => log('error', base, message, fields),
      with: (fields) => withFields({ ...base, ...fields }),
    };
  }
  return withFields({});
}

/** A logger that writes nothing. */
export const silentLogger: Logger = createLogger({
  level: 'error',
  format: 'json',
  terminal: false,
  colour: false,
  write: () => {},
});

/** Counts lines per message and second. The result says how many were left out before this one; undefined leaves it out. */
function messageLimit(linesPerSecond: number, clock: Clock): (message: string) => number | undefined {
  const windows = new Map<string, { start: number; lines: number; suppressed: number }>();
  return (message) => {
    const now = clock.monotonic();
    const window = windows.get(message);
    if (window === undefined) {
      if (windows.size >= MESSAGES_LIMIT) windows.clear();
      windows.set(message, { start: now, lines: 1, suppressed: 0 });
      return 0;
    }
    if (now - window.start >= 1000) {
      const { suppressed } = window;
      window.start = now;
      window.lines = 1;
      window.suppressed = 0;
      return suppressed;
    }
    if (window.lines >= linesPerSecond) {
      window.suppressed += 1;
      return undefined;
    }
    window.lines += 1;
    return 0;
  };
}

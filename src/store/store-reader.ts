import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { UserError } from '../kit/errors.ts';
import type {
  ExchangeFilter,
  ExchangeSummary,
  MinuteCounts,
  Page,
  RecordedExchange,
  RecordedOther,
  SavedVerdict,
} from '../model/recording.ts';
import type { Verdict } from '../model/verdict.ts';
import { BodyReader } from './body-rows.ts';
import { unpackHead } from './exchange-head.ts';
import { unpack, unpackJson } from './packing.ts';
import { blobOf, damaged, numberOf, optionalNumberOf, textOf } from './row.ts';
import type { Row } from './row.ts';
import { storeErrorOf } from './store-error.ts';

/** Exchanges on one page, at most. */
export const PAGE_LIMIT = 1000;
/** More than a configuration has; a file that someone else has made may hold more. */
const POLICIES_LIMIT = 100;
const VERDICTS_LIMIT = 1000;
/** Minutes that one call gives, at most: a week. */
export const MINUTES_PER_CALL = 7 * 24 * 60;

const SUMMARY = `
SELECT seq, id, at, policy, route, method, target, status FROM exchange e
WHERE (at, seq) < (:cursorAt, :cursorSeq)
  AND (:policy IS NULL OR policy = :policy)
  AND (:route IS NULL OR route = :route)
  AND (:method IS NULL OR method = :method)
  AND (:status IS NULL OR status = :status)
  AND (:after IS NULL OR at >= :after)
  AND (:before IS NULL OR at < :before)
  AND (:mirror IS NULL OR EXISTS
    (SELECT 1 FROM answer a WHERE a.exchange = e.seq AND a.position > 0 AND a.name = :mirror))
  AND (:different IS NULL OR :different = EXISTS
    (SELECT 1 FROM answer a WHERE a.exchange = e.seq AND a.role = 'mirror' AND a.differences > 0
      AND (:mirror IS NULL OR a.name = :mirror)))`;
const NEWEST = 'ORDER BY at DESC, seq DESC LIMIT :limit';

/**
 * Reads a store; any number of them may, while one instance writes. Each call is one short transaction. All that goes wrong
 * is a UserError; its cause is the StoreError.
 */
export class StoreReader {
  readonly #where: string;
  readonly #bodies: BodyReader;
  readonly #page: StatementSync;
  readonly #pageOfFinding: StatementSync;
  readonly #others: StatementSync;
  readonly #heads: StatementSync;
  readonly #bodyKeys: StatementSync;
  readonly #verdicts: StatementSync;
  readonly #minutes: StatementSync;

  /** @param where the file, as errors name it */
  constructor(db: DatabaseSync, where: string) {
    this.#where = where;
    this.#bodies = new BodyReader(db);
    this.#page = db.prepare(`${SUMMARY} ${NEWEST}`);
    this.#pageOfFinding = db.prepare(
      `${SUMMARY} AND seq IN (SELECT exchange FROM example WHERE finding = :finding) ${NEWEST}`,
    );
    this.#others = db.prepare(
      'SELECT name, role, status, differences FROM answer WHERE exchange = ? AND position > 0 ORDER BY position',
    );
    this.#heads = db.prepare(
      `SELECT seq, head FROM exchange WHERE id = ? ORDER BY policy LIMIT ${POLICIES_LIMIT}`,
    );
    this.#bodyKeys = db.prepare('SELECT position, body FROM answer WHERE exchange = ?');
    this.#verdicts = db.prepare(
      `SELECT policy, mirror, state, verdict FROM verdict ORDER BY policy, mirror LIMIT ${VERDICTS_LIMIT}`,
    );
    this.#minutes = db.prepare(
      `SELECT at, policy, mirror, pairs, same, different, failures FROM minute
       WHERE at >= ? AND at < ? AND policy = ? AND mirror = ? ORDER BY at LIMIT ?`,
    );
  }

  /**
   * Exchanges that fit, newest first. What comes in between two pages neither repeats nor hides one.
   *
   * @throws UserError for a cursor that is none, or when the file cannot be read
   */
  exchanges(filter: ExchangeFilter): Page<ExchangeSummary> {
    return this.#reading(() => this.#exchanges(filter));
  }

  /**
   * One exchange, once for each policy that copied it.
   *
   * @throws UserError when it cannot be read any more
   */
  exchange(id: string): readonly RecordedExchange[] {
    return this.#reading(() => this.#exchange(id));
  }

  /** @throws UserError when they cannot be read any more */
  savedVerdicts(): readonly SavedVerdict[] {
    return this.#reading(() => this.#savedVerdicts());
  }

  /**
   * Minutes that begin at or after `after` and before `before`, milliseconds since the Unix epoch; the first
   * `MINUTES_PER_CALL` of them.
   */
  minutes(policy: string, mirror: string, after: number, before: number): readonly MinuteCounts[] {
    return this.#reading(() => this.#minutesOf(policy, mirror, after, before));
  }

  #exchanges(filter: ExchangeFilter): Page<ExchangeSummary> {
    const cursor = readCursor(filter.cursor);
    const limit = Math.max(1, Math.min(PAGE_LIMIT, Math.trunc(filter.limit) || 1));
    const { finding, different } = filter;
    const values = {
      cursorAt: cursor.at,
      cursorSeq: cursor.seq,
      policy: filter.policy ?? null,
      route: filter.route ?? null,
      method: filter.method ?? null,
      status: filter.status ?? null,
      after: filter.after ?? null,
      before: filter.before ?? null,
      mirror: filter.mirror ?? null,
      different: different === undefined ? null : Number(different),
      limit: limit + 1,
    };
    const rows =
      finding === undefined ? this.#page.all(values) : this.#pageOfFinding.all({ ...values, finding });
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return {
      items: shown.map((row) => this.#summary(row)),
      next: last && writeCursor(numberOf(last, 'at'), numberOf(last, 'seq')),
    };
  }

  #exchange(id: string): readonly RecordedExchange[] {
    return this.#heads.all(id).map((row) => {
      const keys = new Map<number, number | undefined>();
      for (const key of this.#bodyKeys.all(numberOf(row, 'seq'))) {
        keys.set(numberOf(key, 'position'), optionalNumberOf(key, 'body'));
      }
      return unpackHead(blobOf(row, 'head'), (position) => this.#bodies.read(keys.get(position)));
    });
  }

  #savedVerdicts(): readonly SavedVerdict[] {
    return this.#verdicts.all().map((row) => {
      const verdict = unpackJson(blobOf(row, 'verdict'), 'verdict');
      if (!isVerdict(verdict)) throw damaged('verdict');
      const state = Buffer.from(unpack(blobOf(row, 'state'), 'verdict state')).toString();
      return { policy: textOf(row, 'policy'), mirror: textOf(row, 'mirror'), state, verdict };
    });
  }

  #minutesOf(policy: string, mirror: string, after: number, before: number): readonly MinuteCounts[] {
    return this.#minutes.all(after, before, policy, mirror, MINUTES_PER_CALL).map((row) => ({
      at: numberOf(row, 'at'),
      policy: textOf(row, 'policy'),
      mirror: textOf(row, 'mirror'),
      pairs: numberOf(row, 'pairs'),
      same: numberOf(row, 'same'),
      different: numberOf(row, 'different'),
      failures: numberOf(row, 'failures'),
    }));
  }

  #reading<Result>(read: () => Result): Result {
    try {
      return read();
    } catch (thrown) {
      throw thrown instanceof UserError ? thrown : storeErrorOf(thrown).toUserError(this.#where);
    }
  }

  #summary(row: Row): ExchangeSummary {
    return {
      id: textOf(row, 'id'),
      at: numberOf(row, 'at'),
      policy: textOf(row, 'policy'),
      route: textOf(row, 'route'),
      method: textOf(row, 'method'),
      target: textOf(row, 'target'),
      status: numberOf(row, 'status'),
      others: this.#others.all(numberOf(row, 'seq')).map((other) => ({
        name: textOf(other, 'name'),
        role: roleOf(other),
        status: optionalNumberOf(other, 'status'),
        differences: numberOf(other, 'differences'),
      })),
    };
  }
}

function roleOf(row: Row): RecordedOther['role'] {
  const role = textOf(row, 'role');
  if (role !== 'mirror' && role !== 'control' && role !== 'repeat') throw damaged('role');
  return role;
}

function isVerdict(value: unknown): value is Verdict {
  return typeof value === 'object' && value !== null && 'mirrors' in value && Array.isArray(value.mirrors);
}

/** Where a page ends: the time and number of its last exchange. */
function writeCursor(at: number, seq: number): string {
  return `${at.toString(36)}.${seq.toString(36)}`;
}

function readCursor(cursor: string | undefined): { readonly at: number; readonly seq: number } {
  if (cursor === undefined) return { at: Number.MAX_SAFE_INTEGER, seq: 0 };
  const match = /^(-?[0-9a-z]{1,11})\.([0-9a-z]{1,11})$/.exec(cursor);
  const at = Number.parseInt(match?.[1] ?? '', 36);
  const seq = Number.parseInt(match?.[2] ?? '', 36);
  if (Number.isSafeInteger(at) && Number.isSafeInteger(seq)) return { at, seq };
  throw new UserError(`"${cursor.slice(0, 64)}" is not a cursor`, { hint: 'take "next" of the page before' });
}

import type { Difference, DifferenceKind, Risk } from '../../model/difference.ts';
import type { FindingTally } from '../../model/tally.ts';
import { ownText } from '../own-text.ts';
import type { SettledPair } from './settled-pair.ts';

export const RISK_RANK: Readonly<Record<Risk, number>> = { low: 0, medium: 1, high: 2 };

interface Sample {
  readonly exchange: string;
  readonly primary?: string;
  readonly other?: string;
}

/** What is counted of one finding. */
export class FindingCounts {
  readonly path: string;
  readonly kind: DifferenceKind;
  /** Another kind at the same path. */
  next: FindingCounts | undefined = undefined;
  /** The pairs, by a running number, in which it was last met on either side, and last counted. */
  inMirrorOf = 0;
  inReferenceOf = 0;
  countedOf = 0;
  /** Reports in a row that it was not in. */
  idleReports = 0;
  #risk: Risk;
  #mirrorOnly = 0;
  #referenceOnly = 0;
  #both = 0;
  #afterHeldWrite = 0;
  #unreferenced = 0;
  #firstSeen = 0;
  #lastSeen = 0;
  #sample: Sample | undefined = undefined;
  #sampleOfMirror = false;

  constructor(path: string, kind: DifferenceKind, risk: Risk) {
    this.path = path;
    this.kind = kind;
    this.#risk = risk;
  }

  /** One pair that has it in the mirror's answer, and maybe in the reference's too. */
  countMirror(
    difference: Difference,
    both: boolean,
    { exchangeId, atMs, afterHeldWrite, reference }: SettledPair,
  ): void {
    if (both) this.#both++;
    else {
      this.#mirrorOnly++;
      if (afterHeldWrite) this.#afterHeldWrite++;
      if (reference === undefined) this.#unreferenced++;
    }
    this.#see(difference, exchangeId, atMs, true);
  }

  /** One pair that has it in the reference's answer and not in the mirror's. */
  countReference(difference: Difference, exchange: string, atMs: number): void {
    this.#referenceOnly++;
    this.#see(difference, exchange, atMs, false);
  }

  add(tally: FindingTally): void {
    const ofMirror = tally.mirrorOnly + tally.both > 0;
    const newer = tally.lastSeen >= this.#lastSeen;
    if (
      this.#sample === undefined ||
      (ofMirror && !this.#sampleOfMirror) ||
      (ofMirror === this.#sampleOfMirror && newer)
    ) {
      this.#sample = tally.sample;
      this.#sampleOfMirror = ofMirror;
    }
    this.#raise(tally.risk);
    this.#firstSeen = this.#counted === 0 ? tally.firstSeen : Math.min(this.#firstSeen, tally.firstSeen);
    this.#lastSeen = Math.max(this.#lastSeen, tally.lastSeen);
    this.#mirrorOnly += tally.mirrorOnly;
    this.#referenceOnly += tally.referenceOnly;
    this.#both += tally.both;
    this.#afterHeldWrite += tally.afterHeldWrite;
    this.#unreferenced += tally.unreferenced ?? 0;
  }

  /** What was counted since the last time; undefined when nothing was. */
  take(): FindingTally | undefined {
    if (this.#counted === 0 || this.#sample === undefined) {
      this.idleReports++;
      return undefined;
    }
    const tally: FindingTally = {
      path: this.path,
      kind: this.kind,
      risk: this.#risk,
      mirrorOnly: this.#mirrorOnly,
      referenceOnly: this.#referenceOnly,
      both: this.#both,
      ...(this.#unreferenced === 0 ? {} : { unreferenced: this.#unreferenced }),
      afterHeldWrite: this.#afterHeldWrite,
      firstSeen: this.#firstSeen,
      lastSeen: this.#lastSeen,
      sample: this.#sample,
    };
    this.#mirrorOnly = 0;
    this.#referenceOnly = 0;
    this.#both = 0;
    this.#afterHeldWrite = 0;
    this.#unreferenced = 0;
    this.#firstSeen = 0;
    this.#lastSeen = 0;
    this.#sample = undefined;
    this.#sampleOfMirror = false;
    this.idleReports = 0;
    return tally;
  }

  get #counted(): number {
    return this.#mirrorOnly + this.#referenceOnly + this.#both;
  }

  #see(difference: Difference, exchange: string, atMs: number, ofMirror: boolean): void {
    this.#raise(difference.risk);
    if (this.#firstSeen === 0 || atMs < this.#firstSeen) this.#firstSeen = atMs;
    if (atMs > this.#lastSeen) this.#lastSeen = atMs;
    // One sample a report is enough, and texts of the mirror say more than those of the reference.
    if (this.#sample !== undefined && (this.#sampleOfMirror || !ofMirror)) return;
    this.#sample = sampleOf(difference, exchange);
    this.#sampleOfMirror = ofMirror;
  }

  #raise(risk: Risk): void {
    if (RISK_RANK[risk] > RISK_RANK[this.#risk]) this.#risk = risk;
  }
}

function sampleOf({ primary, other }: Difference, exchange: string): Sample {
  return {
    exchange,
    ...(primary === undefined ? {} : { primary: ownText(primary) }),
    ...(other === undefined ? {} : { other: ownText(other) }),
  };
}

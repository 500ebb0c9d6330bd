import type { Gate } from '../../model/compare-settings.ts';

/** What a mirror's pairs are judged by. */
export interface VerdictOptions {
  readonly mirror: string;
  readonly gate: Gate;
  readonly noise: {
    readonly source: 'control' | 'repeat' | 'assumed';
    /** Without control and repeats: the share of answers that may differ by themselves on any path, 0…1. */
    readonly assumed: number;
  };
  readonly limits: {
    /** Findings watched; also the number of hypotheses that e-BH reckons with. */
    readonly findings: number;
    /** Routes told apart, known templates included; the rest counts as one. */
    readonly routes: number;
  };
}

/** Whether pairs have a reference answer that noise is taken from. */
export function hasReference(options: VerdictOptions): boolean {
  return options.noise.source !== 'assumed';
}

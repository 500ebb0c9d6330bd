import type { Finding, Verdict } from '../../model/verdict.ts';
import type { PlantedFault, PlantedFinding } from './faults.ts';
import { faultText } from './introduction.ts';

/** What a verdict says of the faults that were planted. */
export interface PlantedResult {
  readonly found: readonly PlantedFault[];
  readonly missed: readonly PlantedFault[];
  /** Established findings that nobody planted: false alarms. */
  readonly unplanted: readonly Finding[];
}

/** Compares what was established with what was planted. A fault is found when all of its findings are. */
export function plantedResult(faults: readonly PlantedFault[], verdicts: readonly Verdict[]): PlantedResult {
  const established = verdicts
    .flatMap(({ mirrors }) => mirrors)
    .flatMap(({ findings }) => findings.filter((finding) => finding.established));
  const isFound = (fault: PlantedFault): boolean =>
    fault.findings.every((planted) => established.some((finding) => isSame(planted, finding)));
  return {
    found: faults.filter(isFound),
    missed: faults.filter((fault) => !isFound(fault)),
    unplanted: established.filter(
      (finding) => !faults.some(({ findings }) => findings.some((planted) => isSame(planted, finding))),
    ),
  };
}

function isSame(planted: PlantedFinding, finding: Finding): boolean {
  return planted.route === finding.route && planted.path === finding.path && planted.kind === finding.kind;
}

/** Which planted faults the verdict names, a line each, for the end of the demo. */
export function plantedText({ found, missed, unplanted }: PlantedResult): string {
  const lines = [
    `Of ${found.length + missed.length} planted faults the verdict names ${found.length}${missed.length === 0 ? ', and nothing else' : ''}:`,
    ...found.map((fault) => `  found     ${faultText(fault)}`),
    ...missed.map((fault) => `  not yet   ${faultText(fault)} (too few pairs so far)`),
    ...unplanted.map(({ route, path, kind }) => `  not planted, but established: ${route} ${path} (${kind})`),
  ];
  if (unplanted.length > 0) lines[0] = (lines[0] ?? '').replace(', and nothing else', '');
  return `${lines.join('\n')}\n`;
}

import { RISKS } from '../../model/difference.ts';
import type { Risk } from '../../model/difference.ts';

/** Whether a class of risk is the gate's or above it. */
export function isGated(risk: Risk, gate: Risk): boolean {
  return RISKS.indexOf(risk) >= RISKS.indexOf(gate);
}

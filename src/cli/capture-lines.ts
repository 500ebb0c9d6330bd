import { totalOf } from '../kit/counts.ts';
import { packetTotals } from '../model/capture-status.ts';
import type { CaptureStatus } from '../model/capture-status.ts';
import { number, reasons } from './count-text.ts';

/** What a capture has seen and missed, for a person. What has not happened is not mentioned. */
export function captureLines(capture: CaptureStatus): readonly string[] {
  const { name, source, problem, packets, bytes, segments, completeness, begins, tls } = capture;
  const totals = packetTotals([capture]);
  const { vni = 0, ...lost } = capture.lost;
  const { over: _, ...left } = capture.left;
  const marks = [
    ...some(totals.cut, 'cut'),
    ...some(totals.duplicates, 'captured twice'),
    ...some(totals.retransmitted, 'retransmitted'),
    ...some(vni, 'of networks that are not let in'),
    ...some(segments.conflicts, 'that contradict others'),
  ];
  const seen = [
    `${number(completeness.whole)} whole`,
    ...some(completeness.cut, 'incomplete'),
    ...some(completeness.guessed, 'guessed'),
  ];
  const lines = [
    `capture ${name}, ${source}: ${number(packets)} packets, ${number(bytes)} bytes` +
      `${marks.length === 0 ? '' : ` (${marks.join(', ')})`}; ${seen.join(', ')}`,
  ];
  const add = (what: string, counts: Readonly<Record<string, number>>): void => {
    if (totalOf(counts) > 0) lines.push(`  ${what}${reasons('', counts)}`);
  };
  add('packets lost', lost);
  add('packets that could not be read', capture.faults);
  add('the capture itself is damaged', capture.fileFaults);
  add('bytes missing', capture.missingBytes);
  add('connections given up', left);
  add('connections whose begin or server had to be guessed', { ...begins });
  if (tls.connections > 0) {
    const names = tls.names.filter((one) => one.name !== '').slice(0, 3);
    lines.push(
      `  TLS: ${number(tls.connections)} connections, ${number(tls.decrypted)} decrypted` +
        reasons(', opaque', tls.opaque) +
        (names.length === 0 ? '' : `; most asked for ${names.map((one) => one.name).join(', ')}`),
    );
  }
  if (problem !== undefined) lines.push(`  it ended early: ${problem}`);
  return lines;
}

function some(count: number, what: string): readonly string[] {
  return count === 0 ? [] : [`${number(count)} ${what}`];
}

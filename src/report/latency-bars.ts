import type { Band, RouteVerdict } from '../model/verdict.ts';
import { microsText } from './figures.ts';
import { html } from './html-markup.ts';
import type { Markup } from './html-markup.ts';

const [WIDTH, LABEL, ROW, BAR] = [760, 90, 40, 12];
/** Right of the longest bar there is place for its figure. */
const ROOM = WIDTH - LABEL - 150;

/** Total times of a route as bars: reference and mirror for each quantile, with a line from end to end of the band. */
export function latencyBars({ route, latency }: RouteVerdict): Markup | undefined {
  const { quantiles } = latency.total;
  const known = quantiles.flatMap(({ reference, mirror }) => [reference, mirror].map(reachOf));
  const longest = Math.max(0, ...known);
  if (longest <= 0) return undefined;
  const scale = ROOM / longest;
  const rows = quantiles.map(({ quantile, reference, mirror }, at) => {
    const top = at * ROW + 6;
    const name = `total p${Number((quantile * 100).toPrecision(5))}`;
    return html`<text x="0" y="${top + 17}">${name}</text
      >${bar('reference', reference, top, scale)}${bar('mirror', mirror, top + BAR + 2, scale)}`;
  });
  const height = quantiles.length * ROW + 6;
  const label = `Total time of ${route}: ${quantiles
    .map(
      ({ quantile, reference, mirror }) =>
        `p${Number((quantile * 100).toPrecision(5))} reference ${microsText(reference.estimate)}, mirror ${microsText(mirror.estimate)}`,
    )
    .join('; ')}`;
  return html`<svg
    viewBox="0 0 ${WIDTH} ${height}"
    width="${WIDTH}"
    height="${height}"
    role="img"
    aria-label="${label}"
  >
    <line class="axis" x1="${LABEL}" y1="0" x2="${LABEL}" y2="${height}" />
    ${rows}
  </svg>`;
}

function bar(side: 'reference' | 'mirror', band: Band, top: number, scale: number): Markup {
  const { estimate, lower, upper } = band;
  if (estimate === undefined || !Number.isFinite(estimate)) return html``;
  const width = rounded(estimate * scale);
  const middle = top + BAR / 2;
  const line =
    lower === undefined || upper === undefined || !Number.isFinite(upper)
      ? html``
      : html`<line
          class="band"
          x1="${LABEL + rounded(lower * scale)}"
          y1="${middle}"
          x2="${LABEL + rounded(upper * scale)}"
          y2="${middle}"
        />`;
  const end = LABEL + rounded(reachOf(band) * scale) + 6;
  return html`<rect class="${side}" x="${LABEL}" y="${top}" width="${width}" height="${BAR}" />${line}<text
      x="${end}"
      y="${top + 10}"
      >${microsText(estimate)} ${side}</text
    >`;
}

function reachOf({ estimate, upper }: Band): number {
  const reach = Math.max(estimate ?? 0, upper ?? 0);
  return Number.isFinite(reach) ? reach : (estimate ?? 0);
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

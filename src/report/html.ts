import { createHash } from 'node:crypto';
import type { Finding, MirrorVerdict, Verdict } from '../model/verdict.ts';
import {
  NOISE_NAMES,
  NOTHING_YET,
  coverageText,
  findingEvidenceText,
  findingRateText,
  gateLines,
  heldText,
  latencyRows,
  neededText,
  pairsText,
  periodText,
  routeText,
  sampleSides,
  standingText,
  summaryText,
  uncompared,
} from './facts.ts';
import { countText, shareText, timeText } from './figures.ts';
import { Markup, html } from './html-markup.ts';
import { exchangeSides, sidesOf } from './html-sides.ts';
import { STYLE } from './html-style.ts';
import { latencyBars } from './latency-bars.ts';
import { shortened } from './printable.ts';
import type { ReportInput } from './report-input.ts';
import { WORST_FINDINGS, worstState } from './report-input.ts';

const FINDINGS_SHOWN = 200;
const ROUTES_SHOWN = 200;
const BARS_SHOWN = 50;
const EXAMPLES_SHOWN = 2;
/** Longest route or path that is shown. */
const NAME_CHARS = 400;

/** Outside of a template of markup, where a formatter may put spaces: the policy allows it by the hash of its very text. */
const STYLE_ELEMENT = Markup.trusted(['<style>', STYLE, '</style>'].join(''));

/**
 * The report as one HTML page that needs nothing else: no script, no picture, no font from anywhere. Its policy (CSP level 3)
 * allows its own style sheet, by hash, and nothing more.
 */
export function renderHtml(input: ReportInput): string {
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const state = worstState(input.verdicts.map((verdict) => verdict.state));
  const sections = input.verdicts.flatMap((verdict) =>
    verdict.mirrors.length === 0
      ? [nothingSection(verdict)]
      : verdict.mirrors.map((mirror) => mirrorSection(verdict, mirror, input)),
  );
  const body = sections.length === 0 ? [html`<p>There is no verdict: no policy has a mirror.</p>`] : sections;
  const summary = input.summary === undefined ? html`` : html`<p>${summaryText(input.summary)}</p>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${Markup.trusted(policy)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${state}: Understudy report</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <header>
          <h1>Understudy report <span class="badge ${state}">${state}</span></h1>
          <p class="faint">Made ${timeText(input.at)} by Understudy ${input.version}</p>
          ${summary}
        </header>
        <main>${body}</main>
      </body>
    </html> `.text;
}

function nothingSection({ policy, state }: Verdict): Markup {
  return html`<section>
    <h2><span class="badge ${state}">${state}</span> ${policy}</h2>
    <p>${NOTHING_YET}</p>
  </section>`;
}

function mirrorSection(verdict: Verdict, mirror: MirrorVerdict, input: ReportInput): Markup {
  const needed = neededText(mirror);
  const reasons = [...mirror.reasons, ...(needed === undefined ? [] : [needed])];
  return html`<section>
    <h2><span class="badge ${mirror.state}">${mirror.state}</span> ${verdict.policy} → ${mirror.mirror}</h2>
    <p>${pairsText(mirror)}<br /><span class="faint">${periodText(verdict)}</span></p>
    <ul>
      ${reasons.map((reason) => html`<li>${reason}</li>`)}
    </ul>
    <h3>Gate</h3>
    ${gateTable(mirror)}
    <p>
      <strong>Noise</strong> ${NOISE_NAMES[mirror.noise.source]}: ${mirror.noise.text}<br />
      <strong>Writes</strong> ${heldText(mirror)}
    </p>
    ${findingsPart(mirror, input)} ${latencyPart(mirror)} ${routesPart(mirror)}
    ${uncomparedPart(mirror, input)}
  </section> `;
}

function gateTable(mirror: MirrorVerdict): Markup {
  const rows = gateLines(mirror).map(
    ({ label, value, allowed, standing }) =>
      html`<tr>
        <th scope="row">${label}</th>
        <td>${value}</td>
        <td>${allowed}</td>
        <td class="${standing}">${standing}</td>
      </tr>`,
  );
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">what</th>
          <th scope="col">now</th>
          <th scope="col">allowed</th>
          <th scope="col">standing</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function findingsPart(mirror: MirrorVerdict, input: ReportInput): Markup {
  const { findings } = mirror;
  if (findings.length === 0)
    return html`<h3>Findings</h3>
      <p>None.</p>`;
  const shown = findings.slice(0, FINDINGS_SHOWN);
  const more =
    findings.length > shown.length
      ? html`<p>${countText(findings.length - shown.length)} more findings are in the JSON report.</p>`
      : html``;
  const items = shown.map((finding, at) =>
    findingDetails(finding, mirror.mirror, input, at < WORST_FINDINGS),
  );
  return html`<h3>Findings (${countText(findings.length)}, worst first)</h3>
    ${items}${more}`;
}

function findingDetails(finding: Finding, mirror: string, input: ReportInput, worst: boolean): Markup {
  const { left, right } = sampleSides(finding);
  const style = finding.fails ? 'over' : finding.established ? 'open' : 'faint';
  const examples = worst ? (input.examples.get(finding.id) ?? []).slice(0, EXAMPLES_SHOWN) : [];
  return html`<details>
    <summary>
      <span class="${style}">${standingText(finding)}</span>: ${finding.risk} risk,
      <strong>${finding.kind}</strong> at <code>${shortened(finding.path, NAME_CHARS)}</code> of
      <code>${shortened(finding.route, NAME_CHARS)}</code>: ${shareText(finding.rate)}
    </summary>
    <div class="inside">
      <p>
        ${findingRateText(finding)}<br />${findingEvidenceText(finding)}<br /><span class="faint"
          >first seen ${timeText(finding.firstSeen)}, last ${timeText(finding.lastSeen)}; finding
          ${finding.id}</span
        >
      </p>
      ${sidesOf(`sample: exchange ${finding.sample.exchange}`, left, right)}
      ${examples.map((exchange) => exchangeSides(exchange, mirror))}
    </div>
  </details> `;
}

function latencyPart({ routes }: MirrorVerdict): Markup {
  const rows = latencyRows(routes.slice(0, ROUTES_SHOWN));
  if (rows.length === 0) return html``;
  const bars = routes.slice(0, BARS_SHOWN).flatMap((route) => {
    const drawn = latencyBars(route);
    return drawn === undefined
      ? []
      : [
          html`<p><code>${shortened(route.route, NAME_CHARS)}</code></p>
            ${drawn}`,
        ];
  });
  const lines = rows.map(
    ({ route, measure, quantile, primary, reference, mirror, slower, hop }) =>
      html`<tr>
        <td><code>${shortened(route, NAME_CHARS)}</code></td>
        <td>${measure}</td>
        <td>${quantile}</td>
        <td class="number">${primary}</td>
        <td class="number">${reference}</td>
        <td class="number">${mirror}</td>
        <td class="number">${slower}</td>
        <td class="number">${hop}</td>
      </tr>`,
  );
  return html`<h3>Latency</h3>
    ${bars}
    <details>
      <summary>All figures</summary>
      <div class="inside scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">route</th>
              <th scope="col">measure</th>
              <th scope="col">quantile</th>
              <th scope="col">primary</th>
              <th scope="col">reference</th>
              <th scope="col">mirror</th>
              <th scope="col">slower than allowed</th>
              <th scope="col">our own hop</th>
            </tr>
          </thead>
          <tbody>
            ${lines}
          </tbody>
        </table>
      </div>
    </details>`;
}

function routesPart(mirror: MirrorVerdict): Markup {
  const rows = mirror.routes.slice(0, ROUTES_SHOWN).map(
    (route) =>
      html`<tr>
        <td><code>${shortened(route.route, NAME_CHARS)}</code></td>
        <td class="${route.covered ? 'ok' : 'open'}">${route.covered ? 'covered' : 'not enough pairs'}</td>
        <td>${routeText(route)}</td>
      </tr>`,
  );
  const more =
    mirror.routes.length > ROUTES_SHOWN
      ? html`<p>${countText(mirror.routes.length - ROUTES_SHOWN)} more routes are in the JSON report.</p>`
      : html``;
  const uncovered = mirror.uncovered
    .slice(0, ROUTES_SHOWN)
    .map((route) => html`<li><code>${shortened(route, NAME_CHARS)}</code></li>`);
  return html`<h3>Coverage</h3>
    <p>${coverageText(mirror)}</p>
    <ul>
      ${uncovered}
    </ul>
    <details>
      <summary>Routes</summary>
      <div class="inside scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">route</th>
              <th scope="col">coverage</th>
              <th scope="col">pairs and answers (primary → mirror)</th>
            </tr>
          </thead>
          <tbody>
            ${rows}
          </tbody>
        </table>
        ${more}
      </div>
    </details>`;
}

function uncomparedPart(mirror: MirrorVerdict, { summary }: ReportInput): Markup {
  const all = uncompared(mirror, summary);
  if (all.length === 0)
    return html`<h3>Not compared</h3>
      <p>Nothing.</p>`;
  const rows = all.map(
    ({ text, count }) =>
      html`<tr>
        <td class="number">${countText(count)}</td>
        <td>${text}</td>
      </tr>`,
  );
  return html`<h3>Not compared</h3>
    <table>
      <thead>
        <tr>
          <th scope="col" class="number">count</th>
          <th scope="col">why</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`;
}

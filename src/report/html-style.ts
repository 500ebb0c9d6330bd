/** The style sheet of the HTML report: light and dark as the reader's system asks, and fit for paper. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #ffffff; --text: #1c2128; --faint: #59636e; --line: #d1d9e0; --raised: #f6f8fa;
  --pass: #1a7f37; --fail: #cf222e; --open: #9a6700; --left: #ffebe9; --right: #dafbe1; --mark-left: #ffc1bc; --mark-right: #9be9a8;
  --reference: #8250df; --mirror: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3; --faint: #9198a1; --line: #3d444d;
  --raised: #151b23; --pass: #3fb950; --fail: #ff7b72; --open: #d29922; --left: #3c1618; --right: #12351f; --mark-left: #8e2b2f;
  --mark-right: #1c6b35; --reference: #bc8cff; --mirror: #58a6ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
code, pre, .side td { font-family: ui-monospace, monospace; font-size: .87em; overflow-wrap: anywhere; }
.faint { color: var(--faint); } .number { text-align: right; white-space: nowrap; }
.badge { display: inline-block; padding: 0 .6em; border: 2px solid currentColor; border-radius: 1em; font-weight: 700;
  font-size: .8em; text-transform: uppercase; }
.pass, .ok { color: var(--pass); } .fail, .over { color: var(--fail); } .undecided, .open { color: var(--open); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--faint); padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; background: var(--raised); }
summary { cursor: pointer; padding: .5rem .75rem; } summary:focus-visible { outline: 2px solid var(--mirror); }
.inside { padding: 0 .75rem .75rem; }
.side { table-layout: fixed; background: var(--ground); border: 1px solid var(--line); }
.side td { width: 50%; white-space: pre-wrap; border: 0; padding: 0 .5rem; }
.side .removed { background: var(--left); } .side .added { background: var(--right); }
.side del { text-decoration: none; background: var(--mark-left); } .side ins { text-decoration: none; background: var(--mark-right); }
svg { max-width: 100%; height: auto; display: block; }
svg text { fill: var(--text); font: 12px system-ui, sans-serif; } svg .axis { stroke: var(--line); }
svg .reference { fill: var(--reference); stroke: var(--reference); } svg .mirror { fill: var(--mirror); stroke: var(--mirror); }
svg .band { stroke: var(--text); stroke-width: 1.5; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } details { break-inside: avoid; }
  details::details-content { content-visibility: visible; height: auto; } h2 { break-after: avoid; } }
`;

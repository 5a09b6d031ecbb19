/** The report's style: one column, system type, colours that mean something only together with a word. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #1c1f24; --ink-soft: #5b6270; --rule: #e4e1db;
  --good: #1e6b43; --good-soft: #e3f1e8; --warn: #8a5300; --warn-soft: #fbeed6;
  --bad: #a8231c; --bad-soft: #fae3e0; --quiet: #5b6270; --quiet-soft: #edecea;
  --before: #c9cdd6; --after: #2f5d9b; --code: #f3f1ed;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14161a; --card: #1b1e24; --ink: #e9e8e4; --ink-soft: #a2a9b6; --rule: #2e323a;
    --good: #7fd1a2; --good-soft: #17352a; --warn: #eeb765; --warn-soft: #3a2c14;
    --bad: #ff9d94; --bad-soft: #45201d; --quiet: #a2a9b6; --quiet-soft: #282c34;
    --before: #4a515e; --after: #7eaef0; --code: #22262d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
h1, h2, h3, h4 { line-height: 1.25; margin: 0; text-wrap: balance; }
h1 { font-size: clamp(1.5rem, 1rem + 2.4vw, 2.25rem); letter-spacing: -0.015em; max-width: 26em; }
h2 { font-size: 1.3rem; margin: 3rem 0 0.75rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.1rem; }
h4 { font-size: 1rem; }
h3, h4 { display: flex; gap: 0.75rem; justify-content: space-between; align-items: baseline; }
p { margin: 0.4rem 0; max-width: 70ch; }
code, pre { font: 0.85em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace; }
pre { background: var(--code); padding: 0.6rem 0.8rem; border-radius: 6px; margin: 0.5rem 0; white-space: pre-wrap; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.kicker { color: var(--ink-soft); margin: 0 0 0.75rem; display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; }
.because { font-size: 1.1rem; color: var(--ink-soft); margin-top: 0.75rem; }
.quiet, .target { color: var(--ink-soft); }
.target { font-weight: 400; }
.reason { color: var(--ink-soft); }
.status {
  display: inline-block; white-space: nowrap; font-size: 0.8rem; font-weight: 600; line-height: 1.2; padding: 0.25em 0.7em; border-radius: 99px;
  color: var(--quiet); background: var(--quiet-soft);
}
.status.good { color: var(--good); background: var(--good-soft); }
.status.warn { color: var(--warn); background: var(--warn-soft); }
.status.bad { color: var(--bad); background: var(--bad-soft); }
.figures { list-style: none; margin: 1.75rem 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
.figures li { display: flex; flex-direction: column; }
.figures b { font-size: 1.75rem; line-height: 1.1; font-weight: 650; letter-spacing: -0.01em; }
.figures span { color: var(--ink-soft); font-size: 0.9rem; }
.figures .good b { color: var(--good); } .figures .warn b { color: var(--warn); } .figures .bad b { color: var(--bad); }
.next ol { margin: 0; padding-left: 1.4rem; }
.next li { margin: 0.6rem 0; }
.facts { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 0.75rem 2rem; }
.facts dt { color: var(--ink-soft); font-size: 0.85rem; }
.facts dd { margin: 0; }
table { width: 100%; border-collapse: collapse; font-size: 0.93rem; }
th, td { text-align: left; vertical-align: top; padding: 0.55rem 0.9rem 0.55rem 0; border-top: 1px solid var(--rule); font-weight: 400; }
thead th { border-top: 0; color: var(--ink-soft); font-size: 0.82rem; padding-bottom: 0.25rem; }
th:last-child, td:last-child { padding-right: 0; text-align: right; }
tbody th code { display: block; color: var(--ink-soft); }
tbody th .reason { display: block; }
.item { display: block; font-weight: 600; }
.time { text-align: right; white-space: nowrap; }
.change { display: block; }
.change .name { color: var(--ink-soft); }
.was { color: var(--ink-soft); }
.is { font-weight: 600; }
.operation { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 1.1rem 1.25rem; margin: 1rem 0; }
.step { margin-top: 1.25rem; padding-top: 1.1rem; border-top: 1px solid var(--rule); }
.numbers { display: flex; flex-wrap: wrap; gap: 0.2rem 1.25rem; color: var(--ink-soft); font-size: 0.93rem; max-width: none; }
.numbers b { color: var(--ink); font-weight: 600; }
figure { margin: 1rem 0; }
figcaption { font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; align-items: baseline; }
figcaption b::first-letter { text-transform: uppercase; }
.key::before { content: ''; display: inline-block; width: 1.1em; height: 0.6em; border-radius: 2px; margin-right: 0.4em; background: var(--before); }
.key.after::before { background: var(--after); height: 0.35em; vertical-align: 0.12em; }
.plot svg { display: block; max-width: 100%; height: auto; }
.plot.narrow { display: none; }
.timeline { position: relative; font-size: 0.88rem; }
.timeline ol { list-style: none; margin: 0; padding: 0; }
.timeline li { display: grid; grid-template-columns: 15rem 1fr; align-items: center; }
.axis { position: relative; height: 1.4rem; margin-left: 15rem; color: var(--ink-soft); font-size: 0.8rem; }
.axis span { position: absolute; transform: translateX(-50%); }
.track { position: relative; height: 1.9rem; border-top: 1px solid var(--rule);
  background: linear-gradient(var(--bad), var(--bad)) var(--deadline) 0 / 2px 100% no-repeat; }
.bar, .span { position: absolute; top: 50%; transform: translateY(-50%); border-radius: 3px; }
.bar { height: 1.1rem; background: var(--quiet-soft); border: 1px solid var(--quiet); }
.bar.good { background: var(--good-soft); border-color: var(--good); }
.bar.warn { background: var(--warn-soft); border-color: var(--warn); }
.bar.bad { background: var(--bad-soft); border-color: var(--bad); }
.span { height: 0.55rem; background: var(--good); box-shadow: 0 0 0 0.5px var(--paper); }
.span.bad { background: var(--bad); }
.marks { display: flex; gap: 1.5rem; justify-content: flex-end; color: var(--ink-soft); font-size: 0.85rem; max-width: none; }
.mark-deadline::before { content: ''; display: inline-block; width: 2px; height: 0.9em; background: var(--bad); margin-right: 0.5em; vertical-align: -0.1em; }
.findings { list-style: none; margin: 0; padding: 0; }
.findings li { border-left: 3px solid var(--quiet); padding: 0.1rem 0 0.1rem 1rem; margin: 1.25rem 0; }
.findings li.warn { border-color: var(--warn); } .findings li.bad { border-color: var(--bad); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--ink-soft); font-size: 0.85rem; }
@media (max-width: 44rem) {
  body { padding: 1.5rem 1rem 3rem; }
  .plot.wide { display: none; } .plot.narrow { display: block; }
  .timeline li { grid-template-columns: 1fr; padding-top: 0.3rem; }
  .axis { margin-left: 0; }
  table, tbody, tr, th, td { display: block; }
  thead { display: none; }
  tr { border-top: 1px solid var(--rule); padding: 0.6rem 0; }
  th, td, th:last-child, td:last-child { border: 0; padding: 0.1rem 0; text-align: left; }
  .time { display: inline-block; margin-right: 1rem; color: var(--ink-soft); }
  .time[data-label]::before { content: attr(data-label) ' '; }
  .figures { gap: 0.9rem 1.75rem; }
}
@media print {
  :root {
    --paper: #fff; --card: #fff; --ink: #000; --ink-soft: #444; --rule: #ccc; --good: #14532d; --good-soft: #fff; --warn: #7a4a00; --warn-soft: #fff;
    --bad: #8f1710; --bad-soft: #fff; --quiet: #444; --quiet-soft: #fff; --before: #c9cdd6; --after: #2f5d9b; --code: #f6f6f6;
  }
  body { padding: 0; max-width: none; font-size: 10pt; }
  .status { border: 1px solid currentColor; }
  tr, figure, .findings li, .timeline li { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/** The report's style: one column, system type, colours that mean something only together with a word. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --paper: #faf9f7; --card: #ffffff; --ink: #1b1e23; --ink-soft: #5a6170; --rule: #e5e2dc; --link: #1f55a0;
  --good: #17663d; --good-soft: #e2f1e8; --warn: #855000; --warn-soft: #fbedd3;
  --bad: #a3211a; --bad-soft: #fae2df; --quiet: #5a6170; --quiet-soft: #eceae6;
  --before: #cdd2dc; --after: #2c5aa0; --code: #f3f1ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131519; --card: #1a1d23; --ink: #e8e7e3; --ink-soft: #a3abb9; --rule: #2d313a; --link: #8ab8f5;
    --good: #7fd1a2; --good-soft: #17352a; --warn: #efb968; --warn-soft: #3a2c14;
    --bad: #ff9f96; --bad-soft: #45201d; --quiet: #a3abb9; --quiet-soft: #282c34;
    --before: #47505f; --after: #82b1f2; --code: #22262d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 2rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word; -webkit-text-size-adjust: 100%; text-size-adjust: 100%;
}
h1, h2, h3, h4 { line-height: 1.25; margin: 0; font-weight: 650; }
h1 { font-size: clamp(1.45rem, 1rem + 2.2vw, 2.1rem); line-height: 1.2; letter-spacing: -0.015em; max-width: 24em; text-wrap: balance; }
h2 { font-size: 1.3rem; letter-spacing: -0.005em; margin: 3.25rem 0 0.9rem; }
h3 { font-size: 1.12rem; }
h4 { font-size: 1rem; }
h3, h4 { display: flex; gap: 0.75rem; justify-content: space-between; align-items: baseline; }
p { margin: 0.4rem 0; max-width: 70ch; }
a { color: var(--link); text-underline-offset: 0.15em; }
code, pre { font: 0.84em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace; overflow-wrap: anywhere; }
pre { background: var(--code); padding: 0.65rem 0.85rem; border-radius: 6px; margin: 0.5rem 0 0; white-space: pre-wrap; }
pre code { font-size: inherit; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
p.quiet, span.quiet, .target, .reason, .was, .to, .none { color: var(--ink-soft); }
.target { font-weight: 400; }
.small { font-size: 0.9rem; }

.status {
  display: inline-block; white-space: nowrap; font-size: 0.8rem; font-weight: 600; line-height: 1.2; padding: 0.28em 0.75em; border-radius: 99px;
  color: var(--quiet); background: var(--quiet-soft);
}
.status.good { color: var(--good); background: var(--good-soft); }
.status.warn { color: var(--warn); background: var(--warn-soft); }
.status.bad { color: var(--bad); background: var(--bad-soft); }

header { border-top: 4px solid var(--quiet); padding-top: 1.5rem; }
header.good { border-color: var(--good); } header.warn { border-color: var(--warn); } header.bad { border-color: var(--bad); }
.kicker { color: var(--ink-soft); margin: 0 0 0.9rem; display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; }
.because { font-size: 1.12rem; line-height: 1.5; color: var(--ink-soft); margin-top: 0.8rem; max-width: 60ch; }
.figures { list-style: none; margin: 2rem 0 0; padding: 1.1rem 0; display: flex; flex-wrap: wrap; gap: 1.1rem 2.75rem; border: solid var(--rule); border-width: 1px 0; }
.figures li { display: flex; flex-direction: column; }
.figures b { font-size: 1.7rem; line-height: 1.15; font-weight: 650; letter-spacing: -0.01em; white-space: nowrap; }
.figures span { color: var(--ink-soft); font-size: 0.9rem; }
.figures .good b { color: var(--good); } .figures .warn b { color: var(--warn); } .figures .bad b { color: var(--bad); }

.next ol { margin: 0; padding-left: 1.5rem; }
.next li { margin: 0.75rem 0; padding-left: 0.25rem; }
.next li p { margin: 0; }
.next li::marker { color: var(--ink-soft); font-weight: 600; }

.facts { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 0.9rem 2rem; }
.facts dt { color: var(--ink-soft); font-size: 0.85rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }

table { width: 100%; border-collapse: collapse; font-size: 0.93rem; line-height: 1.45; }
th, td { text-align: left; vertical-align: top; padding: 0.6rem 1.1rem 0.6rem 0; border-top: 1px solid var(--rule); font-weight: 400; }
thead th { border-top: 0; color: var(--ink-soft); font-size: 0.83rem; padding-bottom: 0.3rem; white-space: nowrap; vertical-align: bottom; }
thead th::first-letter { text-transform: uppercase; }
th:last-child, td:last-child { padding-right: 0; }
tbody th code, tbody th .reason, tbody th .numbers, .item { display: block; }
tbody th code { color: var(--ink-soft); }
tbody th .reason { max-width: 62ch; margin-top: 0.15rem; }
tr.bad th .reason { color: var(--bad); }
.item { font-weight: 600; overflow-wrap: anywhere; }
.number, .outcome { text-align: right; white-space: nowrap; }
.kind { white-space: nowrap; color: var(--ink-soft); }
td b { font-weight: 600; }
.scroll { overflow-x: auto; }

.operation { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 1.2rem 1.4rem; margin: 1.1rem 0; }
.step { margin-top: 1.2rem; padding-top: 1.2rem; border-top: 1px solid var(--rule); }
.numbers { display: flex; flex-wrap: wrap; gap: 0.1rem 1.4rem; color: var(--ink-soft); font-size: 0.93rem; max-width: none; }
tbody th .numbers { font-size: 0.9rem; }
tbody th .numbers > span { margin-right: 1.1rem; }
.numbers > span { white-space: nowrap; }
.numbers b { color: var(--ink); font-weight: 600; }
figure { margin: 1.1rem 0 1.4rem; }
figcaption { font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; align-items: baseline; margin-bottom: 0.4rem; }
figcaption b { font-weight: 600; }
figcaption b::first-letter { text-transform: uppercase; }
.key { color: var(--ink-soft); white-space: nowrap; }
.key::before { content: ''; display: inline-block; width: 1.2em; height: 0.75em; border-radius: 2px; margin-right: 0.45em; background: var(--before); vertical-align: -0.05em; }
.key.after::before { background: var(--after); height: 0.4em; vertical-align: 0.12em; }
.plot svg { display: block; max-width: 100%; height: auto; }
.plot.narrow { display: none; }

.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 1.4rem 1.75rem; margin: 1rem 0 0.8rem; }
.trends h3 { margin: 2rem 0 0; }
.trend { margin: 0; display: flex; flex-direction: column; justify-content: space-between; }
.trend figcaption { gap: 0 0.7rem; font-size: 0.87rem; }
.trend .latest { margin-left: auto; }
.trend figcaption .quiet { width: 100%; font-size: 0.95em; }
.trend svg { display: block; width: 100%; height: auto; }
.keys { display: flex; flex-wrap: wrap; gap: 0.2rem 1.5rem; max-width: none; }
.key.tone::before { background: var(--quiet); } .key.good::before { background: var(--good); } .key.warn::before { background: var(--warn); } .key.bad::before { background: var(--bad); }
.key.mean::before { background: var(--after); height: 2px; vertical-align: 0.28em; }
.key.open::before { background: var(--paper); border: 1.5px solid var(--after); border-radius: 50%; width: 0.6em; height: 0.6em; }
.key.gap::before { background: var(--quiet-soft); border: 1px solid var(--rule); }
summary { cursor: pointer; color: var(--link); margin: 0.5rem 0; }

.timeline { font-size: 0.9rem; }
.timeline ol { list-style: none; margin: 0; padding: 0; border-bottom: 1px solid var(--rule); }
.timeline li { display: grid; grid-template-columns: 16rem 1fr; align-items: center; border-top: 1px solid var(--rule); }
.lane { padding-right: 1rem; }
.axis { position: relative; height: 1.5rem; margin-left: 16rem; color: var(--ink-soft); font-size: 0.82rem; }
.axis span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.axis .first { transform: none; } .axis .last { transform: translateX(-100%); }
.track { position: relative; height: 2.1rem;
  background: linear-gradient(var(--bad), var(--bad)) var(--deadline) 0 / 2px 100% no-repeat, linear-gradient(var(--ink-soft), var(--ink-soft)) var(--end) 0 / 2px 100% no-repeat; }
.bar, .span { position: absolute; top: 50%; transform: translateY(-50%); border-radius: 3px; }
.bar { height: 1.15rem; background: var(--quiet-soft); border: 1px solid var(--quiet); min-width: 4px; }
.bar.good { background: var(--good-soft); border-color: var(--good); }
.bar.warn { background: var(--warn-soft); border-color: var(--warn); }
.bar.bad { background: var(--bad-soft); border-color: var(--bad); }
.span { height: 0.55rem; background: var(--good); border-right: 1px solid var(--paper); min-width: 2px; }
.span.bad { background: var(--bad); height: 1.15rem; border: 0; min-width: 3px; }
.marks { display: flex; flex-wrap: wrap; gap: 0.2rem 1.75rem; justify-content: flex-end; color: var(--ink-soft); font-size: 0.85rem; max-width: none; }
.marks span::before { content: ''; display: inline-block; width: 2px; height: 0.95em; margin-right: 0.5em; vertical-align: -0.12em; background: var(--ink-soft); }
.marks .mark-deadline::before { background: var(--bad); }

.findings { list-style: none; margin: 0; padding: 0; }
.findings li { border-left: 3px solid var(--quiet); padding: 0 0 0 1.1rem; margin: 1.5rem 0; }
.findings li.warn { border-color: var(--warn); } .findings li.bad { border-color: var(--bad); }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--rule); color: var(--ink-soft); font-size: 0.85rem; overflow-wrap: anywhere; }

@media (max-width: 46rem) {
  body { padding: 1.25rem 1rem 3rem; }
  .plot.wide { display: none; } .plot.narrow { display: block; }
  .facts { grid-template-columns: 1fr; gap: 0.7rem; }
  .figures { display: grid; grid-template-columns: repeat(2, auto); gap: 0.9rem 1.5rem; justify-content: start; }
  .operation { padding: 1rem; }
  .timeline li { grid-template-columns: 1fr; padding-top: 0.35rem; }
  .lane { padding: 0; }
  .track { height: 1.7rem; }
  .axis { margin-left: 0; }
  .marks { justify-content: flex-start; }
  table, tbody, tr, tbody th, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { position: relative; border-top: 1px solid var(--rule); padding: 0.75rem 0; }
  tbody th, td { border: 0; padding: 0; }
  tbody th { padding-right: 7.5rem; margin-bottom: 0.2rem; }
  tbody th code, tbody th .reason, tbody th .numbers { margin-right: -7.5rem; }
  .checks td.kind, .checks td.number { display: inline; color: var(--ink-soft); font-size: 0.9rem; }
  .checks td.number::before { content: '· took '; padding: 0; }
  td.number { display: flex; gap: 0.35rem; justify-content: flex-end; text-align: right; white-space: normal; }
  td.number::before { content: attr(data-label); color: var(--ink-soft); margin-right: auto; padding-right: 0.5rem; }
  td.number:not([data-label]) { display: block; text-align: left; color: var(--ink-soft); }
  td.outcome { position: absolute; top: 0.75rem; right: 0; }
  td.number:has(.none) { display: none; }
}
@media print {
  :root {
    --paper: #fff; --card: #fff; --ink: #000; --ink-soft: #444; --rule: #ccc; --link: #000; --good: #14532d; --good-soft: #fff; --warn: #7a4a00;
    --warn-soft: #fff; --bad: #8f1710; --bad-soft: #fff; --quiet: #444; --quiet-soft: #fff; --before: #cdd2dc; --after: #2c5aa0; --code: #f6f6f6;
  }
  @page { margin: 16mm; }
  html { font-size: 9.5pt; }
  body { padding: 0; max-width: none; }
  .status { border: 1px solid currentColor; }
  .operation { border: 0; padding: 0; }
  .scroll { overflow: visible; }
  tr, figure, .findings li, .timeline, .next li { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

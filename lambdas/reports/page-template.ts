/* Templates of the eta engine: <%= %> escapes, <%~ %> does not and is used only for parts of this page. */

const status = `<span class="status <%= it.tone %>"><%= it.word %></span>`;

const timeline = `
<section aria-labelledby="timeline">
  <h2 id="timeline">The run in time</h2>
  <div class="timeline" style="--deadline: <%= Math.min(it.deadline, 200) %>%; --end: <%= Math.min(it.end, 200) %>%">
    <div class="axis" aria-hidden="true">
      <% it.ticks.forEach((tick) => { %><span class="<%= tick.at > 96 ? 'last' : tick.at < 4 ? 'first' : '' %>" style="left: <%= tick.at %>%"><%= tick.label %></span><% }) %>
    </div>
    <ol>
      <% it.lanes.forEach((lane) => { %>
      <li>
        <span class="lane"><%= lane.name %></span>
        <span class="track">
          <span class="visually-hidden"><%= lane.bar.says %></span>
          <span class="bar <%= lane.bar.status.tone %>" style="left: <%= lane.bar.left %>%; width: <%= lane.bar.width %>%" title="<%= lane.bar.says %>"></span>
          <% lane.spans.forEach((span) => { %><span class="span <%= span.status.tone %>" style="left: <%= span.left %>%; width: <%= span.width %>%" title="<%= span.says %>"></span><% }) %>
        </span>
      </li>
      <% }) %>
    </ol>
    <p class="marks"><span class="mark-deadline">Deadline <%= it.deadlineAt %> UTC<%= it.deadline > 100 ? ', beyond this axis' : '' %></span> <span class="mark-end">End of window <%= it.endAt %> UTC<%= it.end > 100 ? ', beyond this axis' : '' %></span></p>
  </div>
</section>`;

const change = `<% if (it.before !== undefined && it.after !== undefined) { %><span class="was"><%= it.before %></span> <span class="to" aria-label="became">→</span> <b><%= it.after %></b><% } else if (it.before !== undefined) { %><span class="was"><%= it.before %></span><% } else { %><b><%= it.after %></b><% } %>`;

const items = `
<div class="scroll">
<table class="items">
  <thead>
    <tr>
      <th scope="col">Item</th>
      <% it.columns.forEach((column) => { %><th scope="col" class="number"><%= column %></th><% }) %>
      <% if (it.acted) { %><th scope="col" class="number">took</th><% } %>
      <th scope="col" class="number">forecast</th>
      <th scope="col" class="outcome">outcome</th>
    </tr>
  </thead>
  <tbody>
    <% it.items.forEach((item) => { %>
    <tr class="<%= item.status.tone %>">
      <th scope="row"><span class="item"><%= item.item %></span><code><%= item.does %></code><% if (item.reason) { %><span class="reason"><%= item.reason %></span><% } %></th>
      <% it.columns.forEach((column) => { const change = item.changes.find(({ name }) => name === column) %><td class="number" data-label="<%= column %>"><% if (change) { %><%~ include('@change', change) %><% } else { %><span class="none">–</span><% } %></td><% }) %>
      <% if (it.acted) { %><td class="number" data-label="took"><% if (item.took) { %><%= item.took %><% } else { %><span class="none">–</span><% } %></td><% } %>
      <td class="number" data-label="forecast"><%= item.forecast %></td>
      <td class="outcome"><%~ include('@status', item.status) %></td>
    </tr>
    <% }) %>
  </tbody>
</table>
</div>`;

const step = `
<section class="step">
  <h4><span><%= it.step.name %><% if (it.step.target) { %> <span class="target">on <%= it.step.target %></span><% } %></span> <%~ include('@status', it.step.status) %></h4>
  <% if (it.step.reason) { %><p class="reason"><%= it.step.reason %></p><% } %>
  <% if (it.step.numbers.length) { %>
  <p class="numbers"><% it.step.numbers.forEach((number) => { %><span><%= number.label %> <b><%= number.value %></b></span> <% }) %></p>
  <% } %>
  <% it.step.plots.forEach((plot) => { const svg = it.svg(plot) %>
  <figure>
    <figcaption><b><%= plot.name %></b> <span class="key before">before</span> <span class="key after">after</span><% if (plot.omitted) { %> <span class="quiet">the <%= plot.points.length %> largest; <%= plot.omitted %> smaller not drawn</span><% } %></figcaption>
    <div class="plot wide" role="img" aria-label="<%= plot.name %> of each item before and after; the table has the numbers"><%~ svg.wide %></div>
    <div class="plot narrow" role="img" aria-label="<%= plot.name %> of each item before and after; the list has the numbers"><%~ svg.narrow %></div>
  </figure>
  <% }) %>
  <% if (it.step.items.length) { %><%~ include('@items', { items: it.step.items, columns: it.step.columns, acted: it.step.items.some(({ took }) => took) }) %><% } %>
  <% if (it.step.forecast) { %><p class="quiet small"><%= it.step.forecast %></p><% } %>
  <% if (it.step.brakes) { %><p class="quiet small"><%= it.step.brakes %></p><% } %>
  <% if (it.step.omitted) { %><p class="quiet small">And <%= it.step.omitted %> more; record.json beside this page has them all.</p><% } %>
</section>`;

export const pageParts = { status, timeline, change, items, step };

export const pageTemplate = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title><%= it.report.status.word %>: <%= it.report.title %></title>
<style><%~ it.style %></style>
</head>
<body>
<header class="<%= it.report.status.tone %>">
  <p class="kicker"><span>NovaCron maintenance</span> <%~ include('@status', it.report.status) %><% if (it.report.dryRun) { %> <span class="status quiet">Dry run</span><% } %></p>
  <h1><%= it.report.headline %></h1>
  <% if (it.report.because) { %><p class="because"><%= it.report.because %></p><% } %>
  <ul class="figures">
    <% it.report.figures.forEach((figure) => { %><li class="<%= figure.tone %>"><b><%= figure.value %></b> <span><%= figure.label %></span></li><% }) %>
  </ul>
</header>
<main>
<section aria-labelledby="next" class="next">
  <h2 id="next">What to do next</h2>
  <ol>
    <% it.report.next.forEach((step) => { %><li><p><%= step.what %></p><% if (step.command) { %><pre><code><%= step.command %></code></pre><% } %></li><% }) %>
  </ol>
</section>
<section aria-labelledby="facts">
  <h2 id="facts">The run</h2>
  <dl class="facts">
    <% it.report.facts.forEach((fact) => { %><div><dt><%= fact.label %></dt><dd><% if (fact.label === 'Run') { %><a href="<%= it.report.link %>"><%= fact.value %></a><% } else { %><%= fact.value %><% } %></dd></div><% }) %>
  </dl>
</section>
<% if (it.report.timeline.lanes.length) { %><%~ include('@timeline', it.report.timeline) %><% } %>
<section aria-labelledby="checklist">
  <h2 id="checklist">Checklist</h2>
  <p><%= it.checklist %></p>
  <% if (it.report.checks.length) { %>
  <table class="checks">
    <thead><tr><th scope="col">Check</th><th scope="col">kind</th><th scope="col" class="number">took</th><th scope="col" class="outcome">outcome</th></tr></thead>
    <tbody>
      <% it.report.checks.forEach((check) => { %>
      <tr class="<%= check.status.tone %>">
        <th scope="row"><span class="item"><%= check.name %></span><% check.reasons.forEach((reason) => { %><span class="reason"><%= reason %></span><% }) %><% if (check.numbers.length) { %><span class="numbers"><% check.numbers.forEach((number) => { %><span><%= number.label %> <b><%= number.value %></b></span> <% }) %></span><% } %></th>
        <td class="kind"><%= check.kind.toLowerCase() %></td>
        <td class="number" data-label="took"><%= check.took ?? '–' %></td>
        <td class="outcome"><%~ include('@status', check.status) %></td>
      </tr>
      <% }) %>
    </tbody>
  </table>
  <% } %>
</section>
<section aria-labelledby="operations">
  <h2 id="operations"><%= it.report.dryRun ? 'What would be done' : 'What was done' %></h2>
  <% it.report.operations.forEach((operation) => { %>
  <article class="operation">
    <h3><span><%= operation.name %><% if (operation.mergedFrom) { %> <span class="target">from the <%= operation.mergedFrom %> window</span><% } %></span> <%~ include('@status', operation.status) %></h3>
    <% if (operation.reason) { %><p class="reason"><%= operation.reason %></p><% } %>
    <% operation.steps.forEach((step) => { %><%~ include('@step', { step, svg: it.svg }) %><% }) %>
  </article>
  <% }) %>
</section>
<% if (it.report.findings.length) { %>
<section aria-labelledby="findings">
  <h2 id="findings">Findings</h2>
  <ul class="findings">
    <% it.report.findings.forEach((finding) => { %>
    <li class="<%= finding.status.tone %>">
      <h3><span><%= finding.subject %></span> <%~ include('@status', finding.status) %></h3>
      <p><%= finding.message %></p>
      <% if (finding.remedy) { %><pre><code><%= finding.remedy %></code></pre><% } %>
      <p class="quiet"><%= finding.from %></p>
    </li>
    <% }) %>
  </ul>
</section>
<% } %>
<% if (it.report.effects.length) { %>
<section aria-labelledby="effects">
  <h2 id="effects">Changes beside the items</h2>
  <p>Everything the run changed around its work, from its ledger, and whether it was taken back.</p>
  <table class="effects">
    <thead><tr><th scope="col">Change</th><th scope="col">before and after</th><th scope="col" class="number">at</th><th scope="col" class="outcome">outcome</th></tr></thead>
    <tbody>
      <% it.report.effects.forEach((effect) => { %>
      <tr class="<%= effect.status.tone %>">
        <th scope="row"><span class="item"><%= effect.what %></span><code><%= effect.target %></code><% if (effect.note) { %><span class="reason"><%= effect.note %></span><% } %></th>
        <td><%~ include('@change', { before: effect.before, after: effect.after }) %></td>
        <td class="number"><%= effect.at %></td>
        <td class="outcome"><%~ include('@status', effect.status) %></td>
      </tr>
      <% }) %>
    </tbody>
  </table>
</section>
<% } %>
<% if (it.report.trends) { %><%~ include('@trends', { trends: it.report.trends, svg: it.svg }) %><% } %>
</main>
<footer><p>Written <%= it.report.writtenAt %> from the record of run <%= it.report.id %>. All times are UTC.</p></footer>
</body>
</html>
`;

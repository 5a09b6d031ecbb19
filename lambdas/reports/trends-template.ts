/* Templates of the eta engine, parts of page-template.ts. */

const panel = `
<figure class="trend">
  <figcaption><b><%= it.name %></b> <% if (it.latest) { %><b class="latest"><%= it.latest %></b><% } %><span class="quiet"><%= it.says %></span></figcaption>
  <div role="img" aria-label="<%= it.name %>: <%= it.latest ? it.latest + '; ' : '' %><%= it.says %>"><%~ it.svg %></div>
</figure>`;

const trends = `
<section aria-labelledby="trends" class="trends">
  <h2 id="trends">Trends</h2>
  <% it.trends.says.forEach((sentence) => { %><p><%= sentence %></p><% }) %>
  <% if (it.trends.runs.length) { const pictures = it.svg(it.trends.runs) %>
  <div class="panels">
    <% pictures.forEach((picture) => { %><%~ include('@panel', picture) %><% }) %>
  </div>
  <p class="keys small"><span class="key tone good">done</span> <span class="key tone warn">stopped in time, cancelled, left</span> <span class="key tone bad">failed, blocked</span></p>
  <details>
    <summary>The runs in numbers</summary>
    <div class="scroll">
    <table>
      <thead><tr><th scope="col">Run</th><th scope="col" class="number">took</th><th scope="col" class="number">done</th><th scope="col" class="number">left</th><th scope="col" class="number">failed</th><th scope="col" class="number">× forecast</th><th scope="col" class="outcome">outcome</th></tr></thead>
      <tbody>
        <% it.trends.runs.toReversed().forEach((run) => { %>
        <tr class="<%= run.status.tone %>"><th scope="row"><%= run.date %><% if (run.current) { %> <span class="quiet">this run</span><% } %></th><td class="number" data-label="took"><%= run.took %></td><td class="number" data-label="done"><%= run.done %></td><td class="number" data-label="left"><%= run.left %></td><td class="number" data-label="failed"><%= run.failed %></td><td class="number" data-label="× forecast"><% if (run.ratio === undefined) { %><span class="none">–</span><% } else { %><%= run.ratio.toFixed(2) %><% } %></td><td class="outcome"><%~ include('@status', run.status) %></td></tr>
        <% }) %>
      </tbody>
    </table>
    </div>
  </details>
  <% } %>
  <% it.trends.targets.forEach((target) => { %>
  <h3><%= target.name %></h3>
  <% if (target.numbers.length) { %>
  <div class="panels">
    <% target.numbers.forEach((number) => { %><%~ include('@panel', { name: number.name, latest: number.latest, says: number.says, svg: it.svg(number) }) %><% }) %>
  </div>
  <% } %>
  <% target.says.forEach((sentence) => { %><p class="quiet small"><%= sentence %></p><% }) %>
  <% if (target.weeks) { %>
  <details>
    <summary>Week by week</summary>
    <div class="scroll">
    <table>
      <thead><tr><th scope="col">Week</th><% target.weeks.names.forEach((name) => { %><th scope="col" class="number"><%= name %></th><% }) %></tr></thead>
      <tbody>
        <% target.weeks.rows.forEach((row) => { %>
        <tr><th scope="row"><%= row.week %><% if (!row.complete) { %> <span class="quiet">not complete</span><% } %></th><% row.means.forEach((mean, i) => { %><td class="number" data-label="<%= target.weeks.names[i] %>"><% if (mean === undefined) { %><span class="none">–</span><% } else { %><%= mean %><% } %></td><% }) %></tr>
        <% }) %>
      </tbody>
    </table>
    </div>
  </details>
  <% } %>
  <% }) %>
  <% if (it.trends.targets.some(({ numbers }) => numbers.length)) { %>
  <p class="keys small"><span class="key mean">the day’s mean</span> <span class="key range">its smallest to largest</span> <span class="key open">a day that is not complete</span> <span class="key gap">not read</span></p>
  <% } %>
</section>`;

export const trendParts = { panel, trends };

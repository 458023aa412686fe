/* Starts the page: theme, tables, charts. */

const system = matchMedia("(prefers-color-scheme: dark)");

/** "light" or "dark": what was chosen here, else what the system says. */
function theme() {
  return document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
}

async function start() {
  const root = document.documentElement;
  const data = await unpack(document.body.dataset.main);
  const { charts, themes, tables, limit } = data;
  const toggle = document.getElementById("theme");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    redraw(themes);
  });
  system.addEventListener("change", () => redraw(themes));
  const jobs = tables.jobs;
  const job = document.getElementById("job");
  for (const host of document.querySelectorAll("[data-table]")) {
    const name = host.dataset.table;
    showTable(host, tables[name], name === "jobs"
      ? { pick: (row) => showJob(job, jobs, row, limit), search: (row) => jobs.facts.map(
        ([, values]) => values[row] ?? "").join("\n") }
      : {});
  }
  showExamples(jobs);
  showCharts(charts, themes);
  root.dataset.ready = "yes";
}

/** Prompt diffs of the best seed of each optimizer, one at a time. */
function showExamples(jobs) {
  const host = document.getElementById("examples");
  if (!host || !jobs.examples.length) return;
  const names = jobs.examples.map((row) => ["dataset", "optimizer", "model"].map(
    (key) => written(cellOf(jobs, key, row))).join(" · ") + " · seed " + written(cellOf(jobs, "seed", row)));
  const shown = make("div");
  const show = async (index) => {
    const number = jobs.blocks[jobs.examples[index]][0];
    shown.replaceChildren(promptDiff(number === null ? null : await unpack(number)));
  };
  host.append(make("div", "controls", menu("Prompt of", names, show)), shown);
  show(0);
}

start();

/* One job: what is known of it, its prompts, and its test items before and after. */

let asked = 0; // the last job asked for: an earlier one that arrives late is dropped

async function showJob(host, jobs, row, limit) {
  asked += 1;
  const mine = asked;
  const name = ["dataset", "optimizer", "model"].map((key) => cellOf(jobs, key, row)).join(" · ");
  const title = told("h3", "", name + " · seed " + written(cellOf(jobs, "seed", row)));
  title.tabIndex = -1;
  const [prompts, before, after] = await Promise.all(
    jobs.blocks[row].map((number) => (number === null ? null : unpack(number))));
  if (mine !== asked) return;
  const facts = make("dl", "facts");
  jobs.facts.forEach(([label, values]) => {
    if (values[row] === null || values[row] === "") return;
    facts.append(make("dt", "", label), told("dd", "", written(values[row])));
  });
  const items = make("div", "table");
  host.replaceChildren(
    title,
    make("details", "", make("summary", "", "Facts"), facts),
    make("h4", "", "Prompt"), promptDiff(prompts),
    make("h4", "", "Test items"), items);
  if (before || after) showItems(items, before ?? after, after ?? before, limit);
  else items.append(make("p", "quiet", "No items are kept of this job."));
  title.focus({ preventScroll: true });
  host.scrollIntoView({ block: "start" });
}

function cellOf(table, name, row) {
  return table.data[table.columns.findIndex((column) => column.name === name)][row];
}

/** Items of the baseline and of the final prompt, joined by id. */
function showItems(host, before, after, limit) {
  const place = new Map(before.item.map((item, index) => [item, index]));
  const at = after.item.map((item) => place.get(item) ?? null);
  const old = (column) => at.map((index) => (index === null ? null : before[column][index]));
  const first = old("score");
  const change = after.score.map((score, i) =>
    (score === null || first[i] === null ? null : score - first[i]));
  const source = {
    columns: [
      { title: "Item", kind: "text" }, { title: "Baseline", kind: "score" },
      { title: "Final", kind: "score" }, { title: "Change", kind: "signed" },
      { title: "Output of the final prompt", kind: "long" },
    ],
    data: [after.item, first, after.score, change, after.output.map(brief)],
  };
  const sides = [["Baseline", before, at], ["Final prompt", after, null]];
  showTable(host, source, {
    search: (row) => sides.map(([, part, rows]) => {
      const index = rows ? rows[row] : row;
      return index === null ? "" : part.output[index] + "\n" + part.reason[index];
    }).join("\n"),
    detail: (row) => make("div", "sides", ...sides.map(([label, part, rows]) =>
      side(label, part, rows ? rows[row] : row, limit))),
    filters: [{ label: "Change", choices: [
      ["changed", (row) => change[row] !== 0], ["unchanged", (row) => change[row] === 0],
      ["up", (row) => change[row] > 0], ["down", (row) => change[row] < 0],
    ] }],
  });
}

const brief = (text) => (text && text.length > 160 ? text.slice(0, 160) + "…" : text);

function side(label, part, index, limit) {
  const box = make("section", "side", make("h5", "", label));
  if (index === null) {
    box.append(make("p", "quiet", "This item was not answered."));
    return box;
  }
  box.append(make("p", "quiet", "Score " + written(part.score[index], "score")));
  text(part.output[index], part.length[index]);
  box.append(make("h6", "", "Reason"));
  text(part.reason[index], part.reason_length[index]);
  return box;

  function text(value, length) {
    box.append(told("div", "output", value ?? "–"));
    if (length) {
      box.append(make("p", "quiet", "Cut: the first " + limit + " of " + whole.format(length) + " characters."));
    }
  }
}

/** Messages before and after, word by word. */
function promptDiff(messages) {
  if (!messages) return make("p", "quiet", "No prompts are kept of this job.");
  const host = make("div", "prompts");
  const tags = { "-": "del", "+": "ins", "=": "span" };
  for (const { prompt, role, pieces, cut } of messages) {
    const text = make("div", "output");
    for (const [sign, words] of pieces) text.append(told(tags[sign] ?? "span", "", words));
    host.append(told("h5", "", prompt ? prompt + " · " + role : role), text);
    if (cut) host.append(make("p", "quiet", "Cut: " + whole.format(cut) + " characters are not shown."));
  }
  return host;
}

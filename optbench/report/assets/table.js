/* A table with filters, order and pages. No more than a page of rows is ever in the document. */

const PAGE = 25;

/**
 * Shows a table in an element.
 *
 * source: {columns: [{title, kind, chosen}], data: [a list a column]}.
 * options: pick(row) when a row is opened; search(row) the text to search beside the columns';
 *          detail(row) an element below the row that is open; filters: [{label, choices: [[word, test]]}].
 */
function showTable(host, source, options = {}) {
  const { columns, data } = source;
  const length = data.length ? data[0].length : 0;
  const state = { rows: [], page: 0, words: "", chosen: new Map(), order: null, down: false, open: -1 };
  let haystack = null;

  const body = make("tbody");
  const head = make("tr");
  const heads = columns.map((column, index) => {
    const cell = make("th", isNumber(column) ? "number" : "");
    cell.scope = "col";
    cell.append(button(column.title, "sort", () => order(index)));
    head.append(cell);
    return cell;
  });
  const count = make("span", "count");
  count.setAttribute("role", "status");
  const pager = make("div", "pager");
  const controls = make("div", "controls");
  host.replaceChildren(
    controls, make("div", "scroll", make("table", "", make("thead", "", head), body)), pager);
  fillControls();
  apply();

  function fillControls() {
    const search = make("input");
    search.type = "search";
    search.placeholder = "Search";
    search.setAttribute("aria-label", "Search");
    search.addEventListener("input", later(() => { state.words = search.value.toLowerCase(); apply(); }));
    controls.append(search);
    columns.forEach((column, index) => {
      if (!column.chosen) return;
      const values = [...new Set(data[index])].sort();
      if (values.length < 2) return;
      choose(column.title, values.map((value) => [written(value), (row) => data[index][row] === value]));
    });
    (options.filters ?? []).forEach(({ label, choices }) => choose(label, choices));
    controls.append(count);
  }

  function choose(label, choices) {
    controls.append(menu(label, ["all", ...choices.map(([word]) => word)], (place) => {
      if (place) state.chosen.set(label, choices[place - 1][1]);
      else state.chosen.delete(label);
      apply();
    }));
  }

  function order(index) {
    state.down = state.order === index ? !state.down : isNumber(columns[index]);
    state.order = index;
    apply();
  }

  function apply() {
    const tests = [...state.chosen.values()];
    if (state.words) {
      haystack ??= Array.from({ length }, (_, row) => textOf(row));
      tests.push((row) => haystack[row].includes(state.words));
    }
    state.rows = [];
    for (let row = 0; row < length; row += 1) {
      if (tests.every((test) => test(row))) state.rows.push(row);
    }
    if (state.order !== null) sort();
    state.page = 0;
    state.open = -1;
    draw();
  }

  function textOf(row) {
    const words = data.map((column, index) => written(column[row], columns[index].kind));
    if (options.search) words.push(options.search(row));
    return words.join("\n").toLowerCase();
  }

  function sort() {
    const values = data[state.order];
    const sign = state.down ? -1 : 1;
    state.rows.sort((a, b) => {
      const x = values[a], y = values[b];
      if (x === y) return a - b;
      if (x === null || x === undefined) return 1; // what is unknown stands last, either way
      if (y === null || y === undefined) return -1;
      return x < y ? -sign : sign;
    });
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(state.rows.length / PAGE));
    const shown = state.rows.slice(state.page * PAGE, (state.page + 1) * PAGE);
    count.textContent = state.rows.length === length
      ? whole.format(length) + " rows" : whole.format(state.rows.length) + " of " + whole.format(length);
    heads.forEach((cell, index) => cell.setAttribute(
      "aria-sort", index !== state.order ? "none" : state.down ? "descending" : "ascending"));
    body.replaceChildren(...shown.flatMap(rowElements));
    if (!shown.length) {
      const cell = make("td", "quiet", "Nothing to show.");
      cell.colSpan = columns.length;
      body.append(make("tr", "", cell));
    }
    pager.replaceChildren();
    if (pages < 2) return;
    const turn = (label, to) => {
      const turner = button(label, "", () => { state.page = to; state.open = -1; draw(); });
      turner.disabled = to < 0 || to >= pages || to === state.page;
      return turner;
    };
    pager.append(
      turn("First", 0), turn("Back", state.page - 1),
      make("span", "", "Page " + whole.format(state.page + 1) + " of " + whole.format(pages)),
      turn("Next", state.page + 1), turn("Last", pages - 1));
  }

  function rowElements(row) {
    const line = make("tr");
    columns.forEach((column, index) => {
      const value = data[index][row];
      const cell = make("td", cellKind(column));
      const text = written(value, column.kind);
      if (index === 0 && (options.pick || options.detail)) {
        const opener = button("", "open", () => open(row));
        cell.append(put(opener, text));
        if (options.detail) opener.setAttribute("aria-expanded", String(state.open === row));
      } else {
        put(cell, text);
      }
      line.append(cell);
    });
    if (!options.detail || state.open !== row) return [line];
    const below = make("td", "detail", options.detail(row));
    below.colSpan = columns.length;
    return [line, make("tr", "below", below)];
  }

  function open(row) {
    if (options.pick) return options.pick(row);
    state.open = state.open === row ? -1 : row;
    draw();
    body.querySelector("[aria-expanded=true]")?.focus();
  }
}

const isNumber = (column) => !["text", "long"].includes(column.kind);

function cellKind(column) {
  if (column.kind === "long") return "long";
  return isNumber(column) ? "number" : "";
}

/** The action once nothing more has come for a moment. */
function later(action, wait = 120) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(action, wait); };
}

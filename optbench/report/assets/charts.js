/* Charts: drawn when they come into view, again when the theme changes, refitted to their width. */

const drawn = new Map(); // host -> what was drawn last

function showCharts(charts, themes) {
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target, themes);
    }
  }, { rootMargin: "300px" });
  const resized = new ResizeObserver(later(() => drawn.forEach((one, host) => fit(host, one)), 80));
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const chart = charts[figure.dataset.chart];
    const host = make("div", "chart");
    host.chart = { chart, words: [...chart.specs[0].for] };
    figure.prepend(...choices(host, themes), host);
    seen.observe(host);
    resized.observe(figure);
  }
}

/** The menus of a chart; choosing keeps the other menus where it can. */
function choices(host, themes) {
  const { chart, words } = host.chart;
  const menus = chart.choices.map((label, place) => {
    const values = [...new Set(chart.specs.map((one) => one.for[place]))];
    return values.length < 2 ? "" : menu(label, values, (index) => {
      words[place] = values[index];
      draw(host, themes);
    });
  });
  return menus.some(Boolean) ? [make("div", "controls", ...menus)] : [];
}

async function draw(host, themes) {
  const { chart, words } = host.chart;
  const found = chart.specs.find((one) => one.for.every((word, place) => word === words[place]));
  drawn.get(host)?.finalize();
  drawn.delete(host);
  if (!found) {
    host.replaceChildren(make("p", "quiet", "Nothing is known of this."));
    return;
  }
  const room = host.clientWidth;
  const config = structuredClone(themes[theme()]);
  config.legend.columns = Math.max(1, Math.floor(room / 190));
  config.axis.labelLimit = Math.min(config.axis.labelLimit, room * 0.36);
  config.header.labelLimit = Math.max(100, room - 150);
  const result = await vegaEmbed(host, sized(found.spec, Math.max(60, room - 240)), {
    mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false,
    ast: true, // expressions are interpreted: the page's policy forbids to compile them
    config, tooltip: showTip,
  });
  drawn.set(host, result);
  await fit(host, result);
  host.dataset.drawn = theme();
}

/** Gives the plotting area the width that makes the whole chart as wide as its host. */
async function fit(host, { view, spec }) {
  const svg = host.querySelector("svg");
  if (!svg) return;
  const least = spec.usermeta?.leastWidth ?? 60;
  const name = spec.facet ? "child_width" : "width";
  const width = view.signal(name) + Math.floor(host.clientWidth - svg.getAttribute("width"));
  if (width === view.signal(name)) return;
  await view.signal(name, Math.max(least, width)).resize().runAsync();
}

function sized(spec, width) {
  if (spec.spec) return { ...spec, spec: sized(spec.spec, width) };
  return spec.width === "container" ? { ...spec, width } : spec;
}

function redraw(themes) {
  for (const host of [...drawn.keys()]) draw(host, themes);
}

const tip = make("div", "tip");
tip.hidden = true;

function showTip(_, event, __, value) {
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  if (!tip.isConnected) document.body.append(tip);
  const facts = make("dl");
  for (const [name, fact] of Object.entries(value)) {
    facts.append(told("dt", "", name), told("dd", "", fact));
  }
  tip.replaceChildren(facts);
  const left = Math.min(event.clientX + 12, document.documentElement.clientWidth - tip.offsetWidth - 8);
  const top = Math.min(event.clientY + 12, window.innerHeight - tip.offsetHeight - 8);
  tip.style.left = Math.max(8, left) + "px";
  tip.style.top = Math.max(8, top) + "px";
}

// The first view: figures and charts. Charts are plain boxes whose width is the number; every number is also written out.

const SHOWN = 8; // rows of a chart before "show all"

function overviewView() {
  const o = DATA.overview;
  return el(
    "div",
    { class: "overview" },
    el(
      "div",
      { class: "tiles" },
      tile(t("n_calls"), number.format(o.calls), o.unscored ? t("unscored", { n: number.format(o.unscored) }) : null),
      tile(t("n_utterances"), number.format(o.utterances)),
      tile(t("n_alarms"), number.format(o.alarms), t("in_calls", { n: number.format(o.calls_with_alarms) }), { status: "alarms" }),
      tile(t("mean_score"), orDash(o.mean_score)),
      tile(t("n_auto_fail"), number.format(o.auto_fail), null, { status: "auto_fail" }),
      tile(t("n_needs_review"), number.format(o.needs_review), t("needs_review_note"), { status: "needs_review" }),
    ),
    o.unread ? el("p", { class: "notice" }, t("unread", { n: number.format(o.unread) })) : null,
    el(
      "div",
      { class: "charts" },
      o.alarms && PERIODS.length > 1 ? card("time_chart", timeChart(o.time), "wide", { by: t(`by_${o.time.by}`) }) : null,
      card("score_chart", scoreChart(o.scores)),
      card("types_chart", rows(o.types, (type) => bar(DATA.labels[type.label].name, type.alarms, max(o.types, "alarms"), {
        colour: typeClass(type.label), filter: { type: String(type.label) },
      }))),
      card("agents_chart", agentTable(o.agents), "wide"),
      card("items_chart", rows(o.items, (row) => bar(DATA.items[row.item].name, row.failed, max(o.items, "applicable"), {
        of: row.applicable, badge: DATA.items[row.item].auto_fail, filter: { item: String(row.item) },
      })), "wide"),
    ),
  );
}

const max = (list, name) => Math.max(1, ...list.map((row) => row[name]));

function tile(name, value, note = null, filter = null) {
  const inside = [el("span", { class: "name" }, name), el("b", {}, value), el("span", { class: "note" }, note)];
  return filter ? el("button", { class: "tile", onclick: () => openCalls(filter) }, inside) : el("div", { class: "tile" }, inside);
}

function card(key, content, extra = "", values = {}) {
  const note = el("p", { class: "note" }, t(`${key}_note`, values));
  return el("section", { class: `card ${extra}`, id: key }, el("h3", {}, t(key)), note, content);
}

function rows(list, make) {
  if (!list.length) return el("p", { class: "empty" }, t("nothing"));
  const box = el("ul", { class: "bars" }, list.slice(0, SHOWN).map(make));
  return el("div", {}, box, showAll(list, box, make));
}

// A button that puts the rest of the list into the box, or nothing if there is no rest.
function showAll(list, box, make) {
  if (list.length <= SHOWN) return null;
  const reveal = () => {
    const rest = list.slice(SHOWN).map(make);
    box.append(...rest);
    rest[0].querySelector("button").focus();
    button.remove();
  };
  const button = el("button", { class: "quiet", onclick: reveal }, t("show_all", { n: number.format(list.length) }));
  return button;
}

function bar(name, value, most, { colour = "", of = null, badge = false, filter }) {
  const whole = of === null ? null : el("i", { class: "whole", style: { width: `${(100 * of) / most}%` } });
  const text = of === null ? number.format(value) : `${number.format(value)} / ${number.format(of)}`;
  return el(
    "li",
    {},
    el(
      "button",
      { class: "bar", onclick: () => openCalls(filter) },
      el("span", { class: "name" }, name, badge ? el("em", { class: "badge bad" }, t("auto_fail")) : null),
      el("span", { class: "track" }, whole, el("i", { class: `fill ${colour}`, style: { width: `${(100 * value) / most}%` } })),
      el("span", { class: "value" }, text),
    ),
  );
}

function scoreChart(bins) {
  const most = Math.max(1, ...bins);
  const columns = bins.map((n, place) => {
    const from = place * 10;
    const to = place === bins.length - 1 ? 100 : from + 9;
    const name = t("band", { from, to, n: number.format(n) });
    return el(
      "div",
      { class: "column", role: "img", "aria-label": name, title: name },
      el("span", { class: "value" }, n ? number.format(n) : ""),
      el("i", { class: "fill", style: { height: `${(100 * n) / most}%` } }),
      el("span", { class: "tick" }, from),
    );
  });
  return el("div", { class: "columns" }, columns);
}

function agentTable(agents) {
  const named = agents.filter((a) => a.agent_id); // the calls that name nobody are no agent's: a bar of all of them would dwarf the rest
  const most = max(named.length ? named : agents, "alarms");
  const top = Math.max(...agents.map((a) => a.rate[2]), 1e-9);
  const house = (1000 * DATA.overview.alarms) / Math.max(1, DATA.overview.utterances);
  const open = (a) => () => openCalls({ agent: agentKey(a.agent_id) });
  const line = (a) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { class: "link", onclick: open(a) }, agentName(a.agent_id))),
      el("td", { class: "stretch" }, a.agent_id || !named.length ? stack(a, most) : null),
      el("td", { class: "n" }, number.format(a.alarms)),
      el("td", { class: "stretch" }, interval(a.rate, house, top)),
      el("td", { class: "n" }, tenths.format(a.rate[0])),
      el("td", { class: "n" }, number.format(a.calls)),
      el("td", { class: "n" }, orDash(a.mean_score, tenths)),
    );
  const body = el("tbody", {}, agents.slice(0, SHOWN).map(line));
  const column = (name) => el("th", { scope: "col", class: "n" }, t(name));
  const head = [el("th", { scope: "col" }, t("agent")), el("td"), column("alarms"), el("td")];
  head.push(...["per_thousand", "n_calls", "mean_score"].map(column));
  return el(
    "div",
    {},
    el("p", { class: "legend" }, TYPES.map((label) => typeChip(label, 1))),
    el("table", { class: "agents" }, el("thead", {}, el("tr", {}, head)), body),
    showAll(agents, body, line),
  );
}

// From the low to the high end, a dot at the rate, and a line where the whole batch stands.
function interval([rate, low, high], house, top) {
  const at = (value) => `${(100 * value) / top}%`;
  const name = t("interval", { rate: tenths.format(rate), low: tenths.format(low), high: tenths.format(high) });
  return el(
    "span",
    { class: "interval", role: "img", "aria-label": name, title: name },
    el("i", { class: "house", style: { left: at(house) } }),
    el("i", { class: "span", style: { left: at(low), width: at(high - low) } }),
    el("i", { class: "rate", style: { left: at(rate) } }),
  );
}

function stack(agent, most) {
  const types = [...agent.types].sort((a, b) => TYPES.indexOf(a[0]) - TYPES.indexOf(b[0])); // as in the legend
  const parts = types.map(([label, n]) => {
    const name = `${DATA.labels[label].name} ${n}`;
    return el("i", { class: `fill ${typeClass(label)}`, title: name, style: { width: `${(100 * n) / most}%` } });
  });
  const spoken = types.map(([label, n]) => `${DATA.labels[label].name} ${n}`).join(", ");
  return el("span", { class: "track", role: "img", "aria-label": spoken || t("nothing") }, parts);
}

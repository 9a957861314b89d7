// The second view: the table of calls. Sorted and filtered in memory; only one page of rows is ever in the document.

const PAGE = 50;
const NO_FILTER = { query: "", agent: "", type: "", item: "", status: "", period: "" };
const list = { ...NO_FILTER, sort: "alarms", down: true, page: 0, found: [] };

const agentKey = (id) => (id === null ? "null" : `=${id}`); // a value that no name of an agent can take from another
const SORTS = {
  call: (call) => call.call_id,
  agent: (call) => call.agent_id ?? "",
  score: (call) => call.score,
  alarms: (call) => call.alarms.length,
  failed: (call) => call.failed.length,
  duration: (call) => call.metrics.duration_ms,
  turns: (call) => call.metrics.turns,
  reviewed: (_, place) => reviewedIn(place),
};
const STATUS = {
  alarms: (call) => call.alarms.length > 0,
  open: (call, place) => reviewedIn(place) < call.alarms.length,
  auto_fail: (call) => call.auto_fail,
  needs_review: (call) => Boolean(call.review_reason),
};

function openCalls(filter) {
  Object.assign(list, NO_FILTER, filter, { page: 0 });
  go("#calls");
}

function matches(call, place) {
  if (list.agent && agentKey(call.agent_id) !== list.agent) return false;
  if (list.type && !call.alarms.some((alarm) => String(alarm.label) === list.type)) return false;
  if (list.item && !call.failed.some(([item]) => String(item) === list.item)) return false;
  if (list.status && !STATUS[list.status](call, place)) return false;
  if (list.period && String(call.period) !== list.period) return false;
  const query = list.query.trim().toLowerCase();
  const has = (text) => String(text).toLowerCase().includes(query);
  return !query || has(call.call_id) || has(call.agent_id ?? "") || call.turns.some((turn) => has(turn[TURN.text]));
}

// Equal calls stand in the order of score, the lowest first; what has no value comes last in either direction.
function compare(a, b) {
  const way = list.down ? -1 : 1;
  const key = SORTS[list.sort];
  return order(key(DATA.calls[a], a), key(DATA.calls[b], b), way) || order(DATA.calls[a].score, DATA.calls[b].score, 1) || a - b;
}

function order(a, b, way) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "string") return way * a.localeCompare(b, "zh", { numeric: true });
  return way * (a - b);
}

function find() {
  const all = DATA.calls.map((_, place) => place);
  list.found = all.filter((place) => matches(DATA.calls[place], place)).sort(compare);
}

function callsView() {
  const found = el("p", { class: "found", role: "status" });
  const table = el("div");
  const draw = () => drawTable(table, found, draw);
  const search = el("input", {
    id: "search", type: "search", value: list.query, placeholder: t("search_hint"), autocomplete: "off",
    oninput: () => change({ query: search.value }),
  });
  const change = (what) => {
    Object.assign(list, { page: 0 }, what);
    draw();
  };
  const any = ["", t("any")];
  const named = (places, all) => [any, ...places.map((place) => [String(place), all[place].name])];
  const agents = DATA.overview.agents.map((a) => [agentKey(a.agent_id), agentName(a.agent_id)]);
  agents.sort((a, b) => a[1].localeCompare(b[1], "zh", { numeric: true }));
  const items = DATA.overview.items.map((row) => row.item);
  const periods = PERIODS.flatMap((period, place) => (period.calls ? [[String(place), period.name]] : []));
  const clear = () => {
    openCalls({});
    document.getElementById("search").focus();
  };
  const status = Object.keys(STATUS).map((name) => [name, t(`status_${name}`)]);
  draw();
  return el(
    "div",
    { class: "calls" },
    el(
      "form",
      { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      field("search", search),
      field("status", select("status", [any, ...status], list.status, (value) => change({ status: value }))),
      field("agent", select("agent", [any, ...agents], list.agent, (value) => change({ agent: value }))),
      field("type", select("type", named(TYPES, DATA.labels), list.type, (value) => change({ type: value }))),
      field("item", select("item", named(items, DATA.items), list.item, (value) => change({ item: value }))),
      periods.length > 1
        ? field("period", select("period", [any, ...periods], list.period, (value) => change({ period: value })))
        : null,
      el("button", { type: "button", class: "quiet", id: "clear", onclick: clear }, t("clear")),
    ),
    found,
    table,
  );
}

const field = (key, control) => el("label", { class: `field ${key}` }, el("span", {}, t(key)), control);

function drawTable(table, found, draw) {
  find();
  const pages = Math.max(1, Math.ceil(list.found.length / PAGE));
  const shown = list.found.slice(list.page * PAGE, (list.page + 1) * PAGE);
  const counts = { n: number.format(list.found.length), all: number.format(DATA.calls.length) };
  found.textContent = t(list.found.length === DATA.calls.length ? "found" : "found_of", counts);
  const head = el("thead", {}, el("tr", {}, Object.keys(SORTS).map((key) => heading(key, draw))));
  const rows = el("table", { class: "list" }, head, el("tbody", {}, shown.map(callRow)));
  table.replaceChildren(
    shown.length ? el("div", { class: "scroll" }, rows) : el("p", { class: "empty" }, t("none_found")),
    pages > 1 ? pager(pages, draw) : "",
  );
}

function heading(key, draw) {
  const sorted = list.sort === key ? (list.down ? "descending" : "ascending") : "none";
  const sort = () => {
    Object.assign(list, { sort: key, down: list.sort === key ? !list.down : key === "alarms" || key === "failed", page: 0 });
    draw();
    document.querySelector(`[data-sort=${key}]`).focus();
  };
  const numeric = !["call", "agent", "alarms"].includes(key);
  const arrow = el("span", { class: "arrow", "aria-hidden": "true" }, { ascending: "↑", descending: "↓", none: "" }[sorted]);
  return el(
    "th",
    { scope: "col", "aria-sort": sorted, class: numeric ? "n" : null },
    el("button", { "data-sort": key, onclick: sort }, numeric ? [arrow, t(key)] : [t(key), arrow]),
  );
}

function callRow(place) {
  const call = DATA.calls[place];
  const counts = new Map();
  for (const alarm of call.alarms) counts.set(alarm.label, (counts.get(alarm.label) || 0) + 1);
  const done = reviewedIn(place);
  const reviewed = call.alarms.length ? `${done === call.alarms.length ? "✓ " : ""}${done} / ${call.alarms.length}` : "";
  return el(
    "tr",
    { onclick: (event) => event.target.closest("a") || getSelection().toString() || go(`#call-${place}`) },
    el(
      "th",
      { scope: "row" },
      el("a", { href: `#call-${place}` }, call.call_id),
      call.review_reason ? el("em", { class: "badge", title: call.review_reason }, t("status_needs_review")) : null,
    ),
    el("td", {}, agentName(call.agent_id)),
    el("td", { class: "n" }, call.auto_fail ? el("em", { class: "badge bad" }, t("auto_fail")) : null, orDash(call.score, tenths)),
    el("td", { class: "chips" }, [...counts].map(([label, count]) => typeChip(label, count))),
    el("td", { class: "n" }, call.failed.length || ""),
    el("td", { class: "n" }, clock(call.metrics.duration_ms)),
    el("td", { class: "n" }, orDash(call.metrics.turns, number)),
    el("td", { class: "n" }, reviewed),
  );
}

function pager(pages, draw) {
  const turn = (by, name) =>
    el("button", {
      "data-page": name,
      disabled: list.page + by < 0 || list.page + by >= pages,
      onclick: () => {
        list.page += by;
        draw();
        (document.querySelector(`[data-page=${name}]:enabled`) || document.querySelector("[data-page]:enabled")).focus();
      },
    }, t(name));
  const where = el("span", {}, t("page", { page: list.page + 1, pages }));
  return el("nav", { class: "pager" }, turn(-1, "previous"), where, turn(1, "next"));
}

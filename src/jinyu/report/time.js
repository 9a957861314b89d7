// Alarms over time as stacked bars, drawn by uPlot (vendor/); the same numbers stand below as a table, for keyboard and screen reader.

const CHART_HEIGHT = 220;
let chart = null; // the one in the document

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const repaint = () => chart?.redraw(); // paths too: bars keep their colour in them
for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", repaint);

function timeChart(time) {
  const readout = el("p", { class: "readout", "aria-hidden": "true" });
  const place = el("div", { class: "timechart", role: "img", "aria-label": t("time_chart") });
  chart?.destroy();
  chart = null;
  // drawn when its width is known; again when that changes
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (!width || !place.isConnected) return;
    if (chart) chart.setSize({ width, height: CHART_HEIGHT });
    else chart = new uPlot(options(width, readout), stacked(), place);
  }).observe(place);
  return el(
    "div",
    {},
    el("p", { class: "legend" }, TYPES.map((label) => typeChip(label, 1))),
    place,
    readout,
    time.undated ? el("p", { class: "note" }, t("undated", { n: number.format(time.undated) })) : null,
    el("details", { class: "over-time" }, el("summary", {}, t("time_table")), el("div", { class: "scroll" }, timeTable())),
  );
}

const alarmsOf = (period, label) => (period.types.find(([type]) => type === label) ?? [label, 0])[1];

// Each series is the sum of its type and those before it, the highest first, so that the lower ones are painted over it.
function stacked() {
  const sums = [];
  for (const label of TYPES) {
    const below = sums[0] ?? PERIODS.map(() => 0);
    sums.unshift(PERIODS.map((period, n) => below[n] + alarmsOf(period, label)));
  }
  return [PERIODS.map((_, n) => n), ...sums];
}

function options(width, readout) {
  const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  const axis = { stroke: () => colour("--muted"), font: "12px system-ui, sans-serif", incrs: whole };
  const line = { stroke: () => colour("--line"), width: 1 };
  const bars = uPlot.paths.bars({ size: [0.7, 48] });
  const show = (n) => {
    const period = PERIODS[n];
    if (!period) return readout.replaceChildren();
    const parts = TYPES.map((label) => [label, alarmsOf(period, label)]).filter(([, count]) => count);
    const listed = parts.map(([label, count]) => `${DATA.labels[label].name} ${count}`).join(" · ");
    const head = t("period_alarms", { name: period.name, n: number.format(period.alarms), calls: number.format(period.calls) });
    return readout.replaceChildren(listed ? `${head} · ${listed}` : head);
  };
  return {
    width,
    height: CHART_HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    scales: { x: { time: false, range: () => [-0.5, PERIODS.length - 0.5] }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
    axes: [
      { ...axis, grid: { show: false }, ticks: line, size: 34, space: 84, values: (_, at) => at.map((n) => PERIODS[n]?.name ?? "") },
      { ...axis, grid: line, ticks: { show: false }, size: 46, space: 36, values: (_, at) => at.map((n) => number.format(n)) },
    ],
    series: [{}, ...TYPES.map((label) => ({ paths: bars, width: 0, points: { show: false }, fill: () => typeColour(label) })).reverse()],
    hooks: {
      setCursor: [(u) => show(u.cursor.idx)],
      ready: [(u) => u.over.addEventListener("click", () => {
        if (PERIODS[u.cursor.idx]?.calls) openCalls({ period: String(u.cursor.idx) });
      })],
    },
  };
}

const typeColour = (label) => colour(`--t${TYPES.indexOf(label) % 6}`);

function timeTable() {
  const column = (name) => el("th", { scope: "col", class: "n" }, name);
  const names = TYPES.map((label) => DATA.labels[label].name);
  const head = [el("th", { scope: "col" }, t("period")), ...[t("n_calls"), t("n_utterances"), t("alarms"), ...names].map(column)];
  const line = (period, n) => {
    const open = el("button", { class: "link", onclick: () => openCalls({ period: String(n) }) }, period.name);
    const counts = [period.calls, period.utterances, period.alarms, ...TYPES.map((label) => alarmsOf(period, label))];
    return el("tr", {}, el("th", { scope: "row" }, open), counts.map((count) => el("td", { class: "n" }, number.format(count))));
  };
  const rows = PERIODS.flatMap((period, n) => (period.calls ? [line(period, n)] : []));
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
}

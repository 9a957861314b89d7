// What has changed since an earlier batch: the verdict of `jinyu drift` and each of its measures.

const VERDICT_BADGE = { stable: "badge good", look: "badge", drifted: "badge bad" };
const verdictBadge = (verdict) => el("em", { class: VERDICT_BADGE[verdict] }, t(`drift_${verdict}`));

function driftView() {
  const d = DATA.drift;
  const batch = (side) => t("drift_batch", { file: side.file, n: number.format(side.utterances) });
  const line = (m) =>
    el("tr", {}, el("th", { scope: "row" }, t(`drift_${m.name.replace(" ", "_")}`)), el("td", {}, verdictBadge(m.verdict)), el("td", {}, m.says));
  const head = ["drift_measure", "drift_verdict", "drift_says"].map((name) => el("th", { scope: "col" }, t(name)));
  return el(
    "section",
    { class: "card", id: "drift" },
    el("p", { class: "verdict" }, verdictBadge(d.verdict), t(`drift_plain_${d.verdict}`)),
    el("p", { class: "note" }, `${t("drift_reference")} ${batch(d.reference)}`),
    el("p", { class: "note" }, `${t("drift_new")} ${batch(d.new)}`),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, d.measures.map(line)))),
    d.notes.map((note) => el("p", { class: "notice" }, note)),
  );
}

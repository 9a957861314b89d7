// Puts the page together and follows the address: #overview, #calls, #call-12, #drift.

const main = el("main", { id: "main" });
const progress = el("span", { class: "progress", "aria-live": "polite" });
const save = el("button", { class: "primary", id: "download", title: t("download_hint"), onclick: download }, t("download"));
const storage = el("p", { class: "notice", id: "not-stored", hidden: true }, t("not_stored"));
const VIEWS = { overview: overviewView, calls: callsView, ...(DATA.drift ? { drift: driftView } : {}) };
const tabs = Object.keys(VIEWS).map((name) => el("a", { href: `#${name}` }, t(name)));

function showProgress() {
  progress.replaceChildren(ALARMS ? t("progress", { done: number.format(reviews.size), all: number.format(ALARMS) }) : "");
  save.disabled = reviews.size === 0;
  storage.hidden = stored || reviews.size === 0;
}

function go(hash) {
  if (location.hash === hash) route();
  else location.hash = hash;
}

function route(event) {
  const call = /^#call-(\d+)$/.exec(location.hash);
  const place = call && Number(call[1]) < DATA.calls.length ? Number(call[1]) : null;
  const asked = location.hash.slice(1);
  const name = place !== null ? "calls" : Object.hasOwn(VIEWS, asked) ? asked : "overview";
  const heading = el("h2", { tabindex: "-1" }, place === null ? t(name) : `${t("call")} ${DATA.calls[place].call_id}`);
  const view = place !== null ? callView(place) : VIEWS[name]();
  main.replaceChildren(heading, view);
  for (const tab of tabs) tab.setAttribute("aria-current", tab.hash === `#${name}` ? "page" : "false");
  document.title = place === null ? `${t(name)} · ${t("title")}` : `${DATA.calls[place].call_id} · ${t("title")}`;
  if (event) {
    scrollTo(0, 0);
    heading.focus({ preventScroll: true }); // so that Tab goes on from here
  }
}

function skip(event) {
  event.preventDefault(); // the address names the view
  main.querySelector("h2").focus();
}

const models = DATA.models.map((model) =>
  el("p", { title: model.sha256 }, t("model", model), el("code", {}, model.sha256.slice(0, 12))),
);
document.body.append(
  el("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
  el(
    "header",
    {},
    el("h1", {}, t("title")),
    el("nav", { "aria-label": t("views") }, tabs),
    el("div", { class: "reviewing" }, progress, save),
  ),
  storage,
  main,
  el("footer", {}, models),
);
addEventListener("hashchange", route);
showProgress();
route();

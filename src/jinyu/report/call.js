// The third view: one call as a conversation, and the review of its alarms.

const MOST_LINKS = 4; // turns named for one failed item

function callView(place) {
  const call = DATA.calls[place];
  const roles = new Set(call.turns.map((turn) => turn[TURN.role]));
  const player = call.audio ? audioPlayer(call.audio) : null;
  return el(
    "div",
    { class: "call" },
    el("div", { class: "call-bar" }, el("a", { class: "button", href: "#calls" }, `← ${t("back")}`), neighbours(place)),
    el(
      "div",
      { class: "call-body" },
      el(
        "section",
        { class: "conversation", "aria-label": t("conversation") },
        call.review_reason ? el("p", { class: "notice" }, t("needs_review", { reason: call.review_reason })) : null,
        call.whole ? null : el("p", { class: "notice" }, t("agents_only")),
        player?.box,
        call.turns.length
          ? el("ol", { class: roles.size > 1 ? "turns two-sided" : "turns" }, call.turns.map((turn, n) => turnItem(place, turn, n, player)))
          : el("p", { class: "empty" }, t("no_turns")),
      ),
      aside(place),
    ),
  );
}

// Through the calls as they are filtered and sorted in the list; a call that the list does not hold has none.
function neighbours(place) {
  if (!list.found.includes(place)) find();
  const at = list.found.indexOf(place);
  if (at < 0) return null;
  const link = (to, key) => {
    const there = list.found[to];
    if (there === undefined) return el("span", { class: "button off" }, t(key));
    return el("a", { class: "button", id: key, href: `#call-${there}` }, t(key));
  };
  const where = t("position", { n: number.format(at + 1), all: number.format(list.found.length) });
  return el("nav", {}, link(at - 1, "previous_call"), el("span", { class: "note" }, where), link(at + 1, "next_call"));
}

// The address goes in when something is to be played: till then nothing is loaded. `#t=` is the second to begin with.
function audioPlayer(address) {
  const failed = el("p", { class: "notice", hidden: true }, t("no_audio", { path: decodeURIComponent(address) }));
  const audio = el("audio", { id: "audio", controls: true, preload: "none", src: address, "aria-label": t("audio") });
  audio.addEventListener("error", () => (failed.hidden = false));
  const play = (ms) => {
    audio.src = `${address}#t=${ms / 1000}`;
    audio.play().catch(() => {}); // an error of the file is shown by the event above
  };
  return { box: el("div", { class: "player" }, audio, failed), play };
}

function moment(start, player) {
  if (start === null) return null;
  if (!player) return el("time", {}, clock(start));
  const name = t("play", { at: clock(start) });
  return el("button", { class: "link play", "aria-label": name, title: name, onclick: () => player.play(start) }, `▶ ${clock(start)}`);
}

function turnItem(place, turn, n, player) {
  const [id, role, start, text, label, alarm] = turn;
  const found = alarm === null ? null : DATA.calls[place].alarms[alarm];
  const given = label === null || found ? null : DATA.labels[label];
  const name = given && el("span", { class: "label" }, given.kind === "taboo" ? t("not_flagged", given) : given.name);
  return el(
    "li",
    { class: `turn ${role}${found ? " flagged" : ""}`, id: `turn-${n}`, tabindex: "-1" },
    el("p", { class: "who" }, el("b", {}, t(`role_${role}`)), el("span", {}, `#${id}`), moment(start, player), name),
    el("div", { class: "bubble" }, el("p", { class: "text" }, found ? highlighted(text, found.evidence) : text)),
    found ? alarmCard(`${place}/${alarm}`, found) : null,
  );
}

// Evidence counts characters, as Python does; a string of the browser counts some characters twice.
function highlighted(text, evidence) {
  if (!evidence) return [text];
  const characters = Array.from(text);
  const part = (from, to) => characters.slice(from, to).join("");
  return [part(0, evidence[0]), el("mark", {}, part(...evidence)), part(evidence[1])];
}

function alarmCard(key, alarm) {
  const rule = alarm.rule;
  return el(
    "div",
    { class: `alarm ${typeClass(alarm.label)}` },
    el(
      "p",
      { class: "verdict" },
      el("b", {}, el("i", { class: `dot ${typeClass(alarm.label)}` }), DATA.labels[alarm.label].name),
      el("span", {}, t("taboo_probability", { p: percent(alarm.taboo_probability) })),
      el("span", {}, t("type_probability", { p: percent(alarm.probability) })),
      alarm.asr_uncertain ? el("em", { class: "badge" }, t("asr_uncertain")) : null,
    ),
    el(
      "dl",
      {},
      rule ? fact(t("rule"), el("q", {}, rule.phrase), el("cite", {}, `${rule.source} ${rule.section}`)) : null,
      alarm.suggestion ? fact(t("suggestion"), el("span", { class: "suggestion" }, alarm.suggestion)) : null,
    ),
    controls(key, alarm),
  );
}

const fact = (name, ...value) => [el("dt", {}, name), el("dd", {}, value)];

function controls(key, alarm) {
  const toggle = (decision) => decide(reviews.get(key)?.decision === decision ? null : decision);
  const button = (decision) => el("button", { "data-decision": decision, onclick: () => toggle(decision) }, t(decision));
  const confirm = button("confirm");
  const reject = button("reject");
  const relabel = labelChoice(alarm.label, (value) => (value === "" ? decide(null) : decide("relabel", Number(value))));
  const box = el("div", { class: "controls", role: "group", "aria-label": t("review") }, confirm, reject, relabel);
  const decide = (decision, label = null) => {
    setReview(key, decision, label);
    show();
  };
  const show = () => {
    const review = reviews.get(key);
    box.setAttribute("data-decided", review?.decision ?? "");
    confirm.setAttribute("aria-pressed", String(review?.decision === "confirm"));
    reject.setAttribute("aria-pressed", String(review?.decision === "reject"));
    relabel.value = review?.decision === "relabel" ? String(review.label) : "";
  };
  show();
  return box;
}

// Every label but the one that the alarm carries, by category; taboo first, for that is what it mostly is.
function labelChoice(current, onchange) {
  const prompt = el("option", { value: "" }, t("relabel"));
  const box = el("select", { "aria-label": t("relabel"), onchange: () => onchange(box.value) }, prompt);
  const groups = new Map();
  const rank = { taboo: 0, neutral: 1, compliant: 2 };
  const places = DATA.labels.map((_, place) => place).filter((place) => place !== current);
  places.sort((a, b) => rank[DATA.labels[a].kind] - rank[DATA.labels[b].kind] || a - b);
  for (const place of places) {
    const label = DATA.labels[place];
    const group = label.kind === "taboo" ? t("type") : label.group;
    if (!groups.has(group)) groups.set(group, box.appendChild(el("optgroup", { label: group })));
    groups.get(group).append(el("option", { value: String(place) }, label.name));
  }
  return box;
}

function aside(place) {
  const call = DATA.calls[place];
  const figures = Object.entries(call.metrics).filter(([name, value]) => value !== null && name in DATA.strings);
  const alarms = call.alarms.map((alarm) => turnLink(call, alarm.turn));
  const passed = call.passed.map((item) => el("li", {}, el("span", {}, `✓ ${DATA.items[item].name}`)));
  return el(
    "aside",
    {},
    el(
      "div",
      { class: "card score" },
      el("p", { class: "name" }, t("score"), call.auto_fail ? el("em", { class: "badge bad" }, t("auto_fail")) : null),
      el("b", {}, orDash(call.score)),
      el(
        "dl",
        { class: "facts" },
        alarms.length ? fact(t("alarms"), el("span", { class: "links" }, alarms)) : null,
        fact(t("agent"), agentName(call.agent_id)),
        fact(t("source"), call.source),
      ),
    ),
    el(
      "div",
      { class: "card" },
      el("h3", {}, t("failed_items")),
      call.failed.length
        ? el("ul", { class: "items" }, call.failed.map(([item, turns]) => failedItem(call, item, turns)))
        : el("p", { class: "empty" }, t("nothing")),
      el("details", {}, el("summary", {}, t("passed_items", { n: passed.length })), el("ul", { class: "items" }, passed)),
    ),
    el(
      "div",
      { class: "card" },
      el("h3", {}, t("metrics")),
      el("dl", { class: "facts" }, figures.map(([name, value]) => fact(t(name), figure(name, value)))),
    ),
  );
}

function figure(name, value) {
  if (name.endsWith("_ms")) return value < 60_000 ? t("seconds", { n: decimal.format(value / 1000) }) : clock(value);
  return name.endsWith("ratio") ? percent(value) : decimal.format(value);
}

function failedItem(call, place, turnIds) {
  const item = DATA.items[place];
  const places = turnIds.slice(0, MOST_LINKS).map((id) => call.turns.findIndex((turn) => turn[TURN.turn_id] === id));
  const links = places.map((n) => (n < 0 ? null : turnLink(call, n)));
  const more = turnIds.length > MOST_LINKS ? el("span", {}, t("more_turns", { n: turnIds.length })) : null;
  let worth = item.weight === null ? null : el("span", { class: "note" }, t("points", { n: `−${item.weight}` }));
  if (item.auto_fail) worth = el("em", { class: "badge bad" }, t("auto_fail"));
  return el("li", {}, el("span", {}, `✗ ${item.name}`, worth), el("span", { class: "links" }, links, more));
}

function turnLink(call, n) {
  const show = () => {
    const turn = document.getElementById(`turn-${n}`);
    turn.scrollIntoView({ block: "center" });
    turn.focus({ preventScroll: true });
  };
  return el("button", { class: "link", onclick: show }, `#${call.turns[n][TURN.turn_id]}`);
}

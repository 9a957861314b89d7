// What the reviewer decided, by "call/alarm". Kept in memory, and in localStorage where the browser has one.

const STORE = `jinyu-reviews-${DATA.digest}`;
const ALARMS = DATA.overview.alarms;
const reviews = new Map();
let stored = true;

try {
  const kept = JSON.parse(localStorage.getItem(STORE) || "[]");
  for (const [key, review] of kept) if (alarmOf(key)) reviews.set(key, review);
  localStorage.setItem(STORE, JSON.stringify([...reviews]));
} catch {
  stored = false; // switched off, full, or not ours to read
}

function alarmOf(key) {
  const [call, alarm] = key.split("/").map(Number);
  return DATA.calls[call]?.alarms[alarm];
}

// decision is confirm, reject or relabel; null takes a decision back. label is the place of the label that is right.
function setReview(key, decision, label = null) {
  if (decision === null) reviews.delete(key);
  else reviews.set(key, { decision, label });
  if (stored) {
    try {
      localStorage.setItem(STORE, JSON.stringify([...reviews]));
    } catch {
      stored = false;
    }
  }
  showProgress();
}

function reviewedIn(call) {
  return DATA.calls[call].alarms.filter((_, alarm) => reviews.has(`${call}/${alarm}`)).length;
}

// One JSON object a line, in the order of the calls. A rejected alarm has no label: what the utterance is was not said.
function reviewLines() {
  const lines = [];
  DATA.calls.forEach((call, c) => {
    call.alarms.forEach((alarm, a) => {
      const review = reviews.get(`${c}/${a}`);
      if (!review) return;
      const turn = call.turns[alarm.turn];
      const right = review.decision === "confirm" ? alarm.label : review.label;
      lines.push(
        JSON.stringify({
          call_id: call.call_id,
          turn_id: turn[TURN.turn_id],
          text: turn[TURN.text],
          category: DATA.labels[alarm.label].code,
          decision: review.decision,
          label: right === null ? null : DATA.labels[right].code,
          model: DATA.models[alarm.model],
        }),
      );
    });
  });
  return lines;
}

function download() {
  const url = URL.createObjectURL(new Blob(reviewLines().map((line) => `${line}\n`), { type: "application/x-ndjson" }));
  const link = el("a", { href: url, download: "reviews.jsonl" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

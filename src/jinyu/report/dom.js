// What the other scripts build with. Text goes in as text nodes alone: nothing anyone said is ever parsed as HTML.

const DATA = JSON.parse(document.getElementById("report-data").textContent);
const TURN = Object.fromEntries(DATA.turn_columns.map((name, place) => [name, place]));

function t(key, values = {}) {
  return DATA.strings[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// el("button", { class: "x", onclick: f, style: { width: "3%" } }, child, ...): a child is a node, a text, or nothing.
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [property, set] of Object.entries(value)) node.style.setProperty(property, set);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function select(id, options, chosen, onchange) {
  const box = el("select", { id, onchange: () => onchange(box.value) });
  for (const [value, text] of options) box.append(el("option", { value, selected: value === chosen }, text));
  return box;
}

const number = new Intl.NumberFormat(DATA.lang === "zh" ? "zh-CN" : "en");
const decimal = new Intl.NumberFormat(DATA.lang === "zh" ? "zh-CN" : "en", { maximumFractionDigits: 1 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 }); // for columns
const orDash = (value, format = decimal) => (value === null || value === undefined ? "–" : format.format(value));
const percent = (value) => `${Math.floor(value * 100)}%`; // never 100% for what is not quite sure

function clock(ms) {
  if (ms === null || ms === undefined) return "–";
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const agentName = (id) => (id === null || id === "" ? t("no_agent") : String(id));

const PERIODS = DATA.overview.time.periods;

// The colour of a taboo type goes with its place among the types of the batch; it never stands alone, a name is beside it.
const TYPES = DATA.overview.types.map((type) => type.label);
const typeClass = (label) => `type-${TYPES.indexOf(label) % 6}`;

function typeChip(label, count) {
  const more = count > 1 ? ` ${count}` : "";
  return el("span", { class: "chip" }, el("i", { class: `dot ${typeClass(label)}` }), DATA.labels[label].name + more);
}

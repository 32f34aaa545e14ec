// What the page holds, which rows a filter leaves, and in which order. Nothing here touches the document's elements.
"use strict";

const OUTCOMES = {
  n: { word: "non-compliant", name: "non_compliant", symbol: "✗", rank: 0 },
  e: { word: "error", name: "error", symbol: "!", rank: 1 },
  u: { word: "undetermined", name: "undetermined", symbol: "?", rank: 2 },
  a: { word: "advisory", name: "advisory", symbol: "△", rank: 3 },
  x: { word: "exempt", name: "exempt", symbol: "◇", rank: 4 },
  c: { word: "compliant", name: "compliant", symbol: "✓", rank: 5 },
  "-": { word: "not applicable", name: "not_applicable", symbol: "–", rank: 6 },
  " ": { word: "not run", name: "not_run", symbol: "", rank: 7 },
};
const SEVERITIES = { l: "low", m: "medium", h: "high", c: "critical" };
const SEVERITY_RANK = { l: 0, m: 1, h: 2, c: 3, " ": -1 };
const VERDICT_RANK = { "not ready": 0, "not assessed": 1, ready: 2, "": 3 };
const AMISS = "neuax";

function openModel(data) {
  const columns = data.controls;
  const columnOf = new Map(columns.map((control, at) => [control.id, at]));
  const details = data.rows.map(() => new Map());
  for (const [row, entries] of Object.entries(data.details)) {
    for (const entry of entries) details[row].set(entry[0], entry);
  }
  data.rows.forEach((row, at) => {
    row.at = at;
    row.worst = worst(row);
    row.hay = haystack(row, details[at]);
  });
  return { data, columns, columnOf, details, finding };

  // the worst severity of what is not compliant, as a rank
  function worst(row) {
    let found = -1;
    for (let c = 0; c < columns.length; c += 1) {
      if ("neu".includes(row.o[c])) found = Math.max(found, SEVERITY_RANK[row.s[c]]);
    }
    return found;
  }

  function haystack(row, found) {
    const parts = [row.name, row.host, row.id, row.text, row.reason, ...row.odd, ...row.causes.map((c) => `${c[0]} ${c[1]}`)];
    for (const [column, entry] of found) {
      if (AMISS.includes(row.o[column])) parts.push(columns[column].id, columns[column].title, data.texts[entry[1]]);
    }
    return parts.join("\n").toLowerCase();
  }

  // everything known of one finding; message and facts are missing where the page does not hold them
  function finding(row, column) {
    const entry = details[row.at].get(column);
    const text = (at) => (entry ? data.texts[entry[at]] : "");
    return {
      control: columns[column],
      outcome: OUTCOMES[row.o[column]],
      severity: SEVERITIES[row.s[column]],
      other: { outcome: OUTCOMES[row.bo[column]], severity: SEVERITIES[row.bs[column]] },
      kept: Boolean(entry),
      message: text(1),
      remedy: text(2),
      readAt: text(3),
      exemption: text(4),
      resource: text(5),
      facts: entry ? entry[6].map((at) => data.facts[at]) : [],
    };
  }
}

const EVERYTHING = { verdict: "", outcome: "", severity: "", cause: "", text: "" };

// the columns that a filter concerns
function columnsFor(model, filter) {
  const all = model.columns.map((control, at) => at);
  return filter.cause ? all.filter((at) => String(model.columns[at].cause) === filter.cause) : all;
}

// whether one cell is what the filter asks for; severity counts only where something is amiss
function cellMatches(row, column, filter) {
  const letter = row.o[column];
  if (letter === " ") return false;
  if (filter.outcome === "amiss" && !AMISS.includes(letter)) return false;
  if (filter.outcome.length === 1 && letter !== filter.outcome) return false;
  return !filter.severity || (AMISS.includes(letter) && SEVERITY_RANK[row.s[column]] >= SEVERITY_RANK[filter.severity]);
}

function rowsFor(model, filter) {
  const columns = columnsFor(model, filter);
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const narrow = filter.outcome || filter.severity || filter.cause;
  return model.data.rows.filter((row) =>
    (!filter.verdict || row.verdict === filter.verdict)
    && words.every((word) => row.hay.includes(word))
    && (!narrow || columns.some((at) => cellMatches(row, at, filter) && (filter.outcome || AMISS.includes(row.o[at])))));
}

// the findings of a row that the list below the matrix shows: what is amiss, unless an outcome was asked for
function findingsFor(model, row, filter) {
  const asked = filter.outcome ? filter : { ...filter, outcome: "amiss" };
  return columnsFor(model, filter).filter((at) => cellMatches(row, at, asked) && (AMISS.includes(row.o[at]) || model.details[row.at].has(at)));
}

// rows in the order of one column; equal ones stay as they were, and what is no VM stands last
function sorted(model, rows, sort) {
  const collator = new Intl.Collator("en", { numeric: true });
  const control = model.columnOf.get(sort.by);
  const keys = {
    name: (a, b) => collator.compare(a.name, b.name),
    verdict: (a, b) => VERDICT_RANK[a.verdict] - VERDICT_RANK[b.verdict] || b.worst - a.worst,
    severity: (a, b) => b.worst - a.worst || VERDICT_RANK[a.verdict] - VERDICT_RANK[b.verdict],
    cause: (a, b) => collator.compare(a.causes[0]?.[0] ?? "~", b.causes[0]?.[0] ?? "~"),
  };
  const byControl = (a, b) => OUTCOMES[a.o[control]].rank - OUTCOMES[b.o[control]].rank || SEVERITY_RANK[b.s[control]] - SEVERITY_RANK[a.s[control]];
  const compare = keys[sort.by] ?? byControl;
  const noVm = (row) => Number(!row.verdict);
  return [...rows].sort((a, b) => noVm(a) - noVm(b) || (sort.descending ? -compare(a, b) : compare(a, b)));
}

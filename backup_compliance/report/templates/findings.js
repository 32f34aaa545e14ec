// The findings below the matrix: what is amiss, machine by machine, the likely root cause first.
"use strict";

const GROUPS = 20;

function openFindings(model, section, { onBack }) {
  const list = section.querySelector("#avb-finding-list");
  const bar = section.querySelector("#avb-only");
  let groups = [];
  let drawn = 0;
  list.addEventListener("click", (event) => copy(event.target.closest("button[data-copy]")));
  bar.querySelector("#avb-back").addEventListener("click", onBack);
  return { show, showOne, more, all, get left() { return groups.length - drawn; } };

  // every row's findings as the filter leaves them
  function show(rows, filter) {
    groups = rows.map((row) => [row, findingsFor(model, row, filter)]).filter(([row, found]) => found.length || (filter.verdict && row.verdict));
    drawn = 0;
    bar.hidden = true;
    list.replaceChildren();
    more();
    return groups.reduce((sum, [, found]) => sum + found.length, 0);
  }

  // one row alone with all that was run for it, one finding open
  function showOne(row, column) {
    const run = model.columns.map((control, at) => at).filter((at) => row.o[at] !== " ");
    run.sort((a, b) => OUTCOMES[row.o[a]].rank - OUTCOMES[row.o[b]].rank || SEVERITY_RANK[row.s[b]] - SEVERITY_RANK[row.s[a]]);
    groups = [[row, run]];
    drawn = 0;
    bar.hidden = false;
    bar.querySelector("#avb-only-name").textContent = row.name;
    list.replaceChildren();
    more();
    const found = column === null ? null : list.querySelector(`details[data-column="${column}"]`);
    if (found) found.open = true;
    const focused = found ? found.querySelector("summary") : list.querySelector("h3");
    focused.focus({ preventScroll: true });
    (found ?? list).scrollIntoView({ block: "start" });
  }

  function more(count = GROUPS) {
    const piece = document.createDocumentFragment();
    const until = Math.min(groups.length, drawn + count);
    for (; drawn < until; drawn += 1) piece.append(group(...groups[drawn]));
    list.append(piece);
    if (!groups.length) list.replaceChildren(make("p", {}, "Nothing is amiss in what the filters leave."));
  }

  function all() {
    more(groups.length);
  }

  function group(row, columns) {
    const kind = `avb-chip avb-${row.verdict.replace(" ", "-") || "no-vm"}`;
    const title = make("h3", { tabindex: -1, id: `r${row.at}` }, row.name, " ", make("span", { class: kind }, row.text));
    const id = make("p", { class: "avb-id" }, row.id, row.host ? ` = ${row.host}` : "");
    const article = make("article", { class: "avb-group", "aria-labelledby": `r${row.at}` }, title, id);
    if (row.causes.length) article.append(causes(row));
    if (row.odd.length) {
      article.append(make("div", { class: "avb-odd" }, make("p", {}, "Guest and platform disagree:"), make("ul", {}, ...row.odd.map((line) => make("li", {}, line)))));
    }
    article.append(...columns.map((at) => one(row, at)));
    return article;
  }

  function causes(row) {
    const items = row.causes.map(([control, because, found, explains]) => {
      const unread = row.o[model.columnOf.get(control)] === "e";
      const tail = explains.length ? ` ${unread ? "The same goes for" : "This likely explains"} ${explains.join(", ")}.` : "";
      return make("li", {}, make("b", {}, control), ` ${because}: `, make("span", { class: "avb-quote" }, found), make("span", {}, `.${tail}`));
    });
    return make("div", { class: "avb-causes-of" }, make("p", {}, row.causes.length > 1 ? "Likely root causes, the first to look at first:" : "Likely root cause:"), make("ol", {}, ...items));
  }

  function one(row, at) {
    const found = model.finding(row, at);
    const chip = make("span", { class: `avb-chip avb-${found.outcome.name}` }, `${found.outcome.symbol} ${found.outcome.word}`);
    const severity = AMISS.includes(row.o[at]) ? make("span", { class: "avb-severity" }, found.severity) : null;
    const name = make("span", { class: "avb-what" }, make("b", {}, found.control.id), ` ${found.control.title}`);
    const summary = make("summary", {}, chip, severity, name, make("span", { class: "avb-message" }, found.kept ? found.message : "details stand in compliance.json"));
    const details = make("details", { id: `r${row.at}-${found.control.id}`, "data-column": at }, summary);
    // most findings are never opened, and what is closed needs no elements
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(body(row, found)); });
    return details;
  }

  function body(row, found) {
    const rows = [
      ["What was found", found.message || `${found.outcome.word}; the message stands in compliance.json`],
      ["Exemption", found.exemption],
      ["What was read", found.facts.length ? evidence(found) : found.kept ? "nothing: it could not be read, or nothing was needed" : "stands in compliance.json"],
      ["Read at", found.readAt],
      ["What the article asks", found.control.why],
      ["What to do", found.remedy || found.control.fix],
      ["Commands", AMISS.includes(row.o[model.columnOf.get(found.control.id)]) ? commands(row, found) : ""],
      ["Source", found.control.source],
      [`Baseline ${model.data.other} says`, other(found)],
      ["Resource", found.resource],
      ["Test", found.control.test],
    ];
    const list = make("dl");
    for (const [term, value] of rows) {
      if (value) list.append(make("dt", {}, term), make("dd", {}, value));
    }
    return list;
  }

  function other(found) {
    const amiss = ["non-compliant", "error", "undetermined"].includes(found.other.outcome.word);
    return amiss ? `${found.other.outcome.word}, ${found.other.severity}` : found.other.outcome.word;
  }

  function evidence(found) {
    const list = make("div");
    for (const [name, value] of found.facts) {
      const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
      list.append(make("p", { class: "avb-fact" }, name), make("pre", { tabindex: 0, role: "group", "aria-label": `${found.control.id} ${name}` }, text));
    }
    return list;
  }

  function commands(row, found) {
    const list = make("div");
    for (const [where, lines] of [["In the guest (Linux)", found.control.guest], ["With az", found.control.azure]]) {
      if (!lines.length) continue;
      list.append(make("p", { class: "avb-fact" }, where));
      for (const line of lines) {
        const text = filled(line, row.id, found);
        const button = make("button", { type: "button", "data-copy": "", "aria-label": `Copy: ${text.slice(0, 60)}` }, "Copy");
        list.append(make("div", { class: "avb-command" }, make("code", {}, text), button));
      }
    }
    return list.children.length ? list : "";
  }

  // the VM's own names, each quoted for a shell: they are a stranger's words
  function filled(template, id, found) {
    const parts = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+)$/i.exec(id);
    const [, subscription, group, vm] = parts ?? [];
    const storage = new Map(found.facts).get("storage")?.checks?.[0]?.endpoint;
    const endpoint = /^[\w.-]+$/.test(storage ?? "") ? storage : "STORAGE_ENDPOINT";
    const agents = new Map(found.facts).get("configuration")?.path;
    const configuration = /^\/[\w.\/-]+$/.test(agents ?? "") ? agents : "/etc/waagent.conf";
    const values = { subscription: subscription ?? "SUBSCRIPTION", group: group ?? "GROUP", vm: vm ?? "VM", endpoint };
    return template.replaceAll("/etc/waagent.conf", configuration).replace(/\{(subscription|group|vm|endpoint)\}/g, (whole, name) => quoted(values[name]));
  }

  function quoted(text) {
    return /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", "'\\''")}'`;
  }

  async function copy(button) {
    if (!button) return;
    const code = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }
}

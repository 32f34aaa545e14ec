// The matrix: a grid of one tab stop, drawn in pieces as far as it was scrolled.
"use strict";

const PIECE = 100;

// an element with text and attributes; text is never markup
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function openMatrix(model, table, { onSort, onOpen }) {
  let rows = [];
  let columns = [];
  let drawn = 0;
  let body = null;
  const fixed = [["name", "VM"], ["verdict", "Verdict"], ["severity", "Worst"], ["cause", "Likely root cause"]];
  table.addEventListener("click", (event) => activate(event.target.closest("th, td")));
  table.addEventListener("keydown", onKey);
  table.addEventListener("focusin", (event) => rove(event.target.closest("th, td")));
  return { show, more, all, focusCell, get left() { return rows.length - drawn; } };

  function show(newRows, newColumns, sort) {
    rows = newRows;
    columns = newColumns;
    drawn = 0;
    table.replaceChildren(table.caption, head(sort), (body = make("tbody")));
    table.setAttribute("aria-rowcount", rows.length + 2);
    table.setAttribute("aria-colcount", columns.length + fixed.length);
    more();
    rove(table.querySelector("thead tr:last-child th"));
  }

  function head(sort) {
    const groups = make("tr", { "aria-rowindex": 1 }, make("th", { colspan: fixed.length, class: "avb-corner" }, "All controls by cause"));
    const names = make("tr", { "aria-rowindex": 2 });
    for (const [by, title] of fixed) names.append(header(by, title, title, sort, `avb-fixed avb-by-${by}`));
    let span = null;
    for (const at of columns) {
      const control = model.columns[at];
      if (!span || span.dataset.cause !== String(control.cause)) {
        const name = model.data.causes[control.cause];
        span = make("th", { scope: "colgroup", "data-cause": control.cause, title: name, colspan: 0 }, control.cause < 5 ? `Cause ${control.cause}` : "Beyond");
        groups.append(span);
      }
      span.colSpan = Number(span.getAttribute("colspan")) + 1;
      names.append(header(control.id, control.id.slice(4), `${control.id} ${control.title}`, sort, "avb-control"));
    }
    return make("thead", {}, groups, names);
  }

  function header(by, text, title, sort, kind) {
    const order = sort.by === by ? (sort.descending ? "descending" : "ascending") : undefined;
    const button = make("button", { type: "button", tabindex: -1, title: `Sort by ${title}`, "aria-label": title }, text);
    return make("th", { scope: "col", class: kind, "data-by": by, "data-text": text, "aria-sort": order }, button);
  }

  function more(count = PIECE) {
    const piece = document.createDocumentFragment();
    const until = Math.min(rows.length, drawn + count);
    for (; drawn < until; drawn += 1) piece.append(line(rows[drawn], drawn));
    body.append(piece);
  }

  function all() {
    more(rows.length);
  }

  function line(row, position) {
    // where several share a name, what tells them apart follows it: the column is too narrow for all of it
    const [, around, own] = row.name.match(/^(.*)\/([^/]+)$/) || [null, "", row.name];
    const name = make("button", { type: "button", tabindex: -1, title: row.id, "aria-label": row.name }, own);
    const place = around ? make("small", { title: row.name }, around) : null;
    const host = row.host ? make("small", {}, row.host) : null;
    const [first] = row.causes;
    const explains = first && first[3].length ? ` (explains ${first[3].length})` : "";
    const unread = first && row.o[model.columnOf.get(first[0])] === "e";
    const cause = unread ? `not read: ${first[2]}` : first ? `${first[0]}${explains} ${first[1]}` : "";
    const tr = make("tr", { "aria-rowindex": position + 3, "data-row": row.at },
      make("th", { scope: "row", class: "avb-by-name" }, name, host, place),
      make("td", { tabindex: -1, class: `avb-${row.verdict.replace(" ", "-") || "no-vm"}`, title: row.reason }, row.text),
      make("td", { tabindex: -1 }, row.worst < 0 ? "" : Object.values(SEVERITIES)[row.worst]),
      make("td", { tabindex: -1, class: "avb-by-cause", title: first ? `${first[1]}: ${first[2]}` : "" }, cause));
    for (const at of columns) tr.append(cell(row, at));
    return tr;
  }

  function cell(row, at) {
    const outcome = OUTCOMES[row.o[at]];
    const severity = AMISS.includes(row.o[at]) ? `, ${SEVERITIES[row.s[at]]}` : "";
    const said = `${model.columns[at].id} ${model.columns[at].title}: ${outcome.word}${severity}`;
    return make("td", { tabindex: -1, class: `avb-cell avb-${outcome.name}`, "data-column": at, "aria-label": said, title: said }, outcome.symbol);
  }

  // what takes the focus in a cell: its button where it has one
  function target(cell) {
    return cell?.querySelector("button") ?? cell;
  }

  function rove(cell) {
    for (const old of table.querySelectorAll('[tabindex="0"]')) old.tabIndex = -1;
    const found = target(cell);
    if (found && table.contains(found) && found.closest("tr").getAttribute("aria-rowindex") !== "1") found.tabIndex = 0;
  }

  function activate(cell) {
    if (!cell) return;
    if (cell.dataset.by) {
      onSort(cell.dataset.by);
      target(table.querySelector(`th[data-by="${CSS.escape(cell.dataset.by)}"]`)).focus();
    } else if (cell.parentElement.dataset.row !== undefined) {
      const row = model.data.rows[cell.parentElement.dataset.row];
      const column = cell.dataset.column === undefined ? null : Number(cell.dataset.column);
      if (column === null || row.o[column] !== " ") onOpen(row, column);
    }
  }

  function focusCell(row, column) {
    const tr = table.querySelector(`tr[data-row="${row.at}"]`);
    const cell = column === null ? tr?.firstElementChild : tr?.querySelector(`[data-column="${column}"]`);
    target(cell ?? table.querySelector("thead tr:last-child th"))?.focus();
  }

  function onKey(event) {
    const cell = event.target.closest("th, td");
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.key === "Enter" || event.key === " ") && event.target === cell) {
      event.preventDefault();
      activate(cell);
      return;
    }
    const next = neighbour(cell, event.key);
    if (next === undefined) return;
    event.preventDefault();
    const found = target(next);
    if (found) {
      rove(next);
      found.focus();
      next.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  function neighbour(cell, key) {
    const index = cell.cellIndex;
    const line = cell.parentElement;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: [1], ArrowUp: [-1], PageDown: [20], PageUp: [-20] };
    if (key === "Home") return line.cells[0];
    if (key === "End") return line.cells[line.cells.length - 1];
    const step = steps[key];
    if (typeof step === "number") return line.cells[index + step] ?? null;
    if (!step) return undefined;
    const lines = [table.tHead.rows[1], ...body.rows];
    const at = lines.indexOf(line) + step[0];
    if (at >= lines.length && drawn < rows.length) {
      more();
      return neighbour(cell, key);
    }
    return lines[Math.max(0, Math.min(lines.length - 1, at))].cells[index];
  }
}

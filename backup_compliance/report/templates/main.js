// Filters, sorting, jumping and printing: what ties the matrix to the findings.
"use strict";

function start() {
  const data = JSON.parse(document.getElementById("avb-data").textContent);
  const model = openModel(data);
  const form = document.getElementById("avb-filters");
  const told = document.getElementById("avb-count");
  const section = document.getElementById("avb-findings");
  const tails = [...document.querySelectorAll("button[data-more]")];
  let sort = { by: "verdict", descending: false };
  let came = null;
  const matrix = openMatrix(model, document.getElementById("avb-matrix"), { onSort, onOpen });
  const findings = openFindings(model, section, { onBack });

  fillCauses();
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(draw));
  for (const button of document.querySelectorAll("button[data-verdict]")) {
    button.addEventListener("click", () => {
      form.elements.verdict.value = form.elements.verdict.value === button.dataset.verdict ? "" : button.dataset.verdict;
      draw();
    });
  }
  for (const tail of tails) tail.addEventListener("click", () => { parts()[tail.dataset.more].more(); tidy(); });
  addEventListener("hashchange", follow);
  addEventListener("beforeprint", unfold);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && section.contains(document.activeElement)) onBack();
  });
  watch();
  draw();
  follow();
  // pytest-html's own table stays for tests that are no control; where there are none it is empty
  document.body.classList.toggle("avb-alone", document.querySelector("main.avb").dataset.others === "0");

  function parts() {
    return { matrix, findings };
  }

  function filter() {
    const found = { ...EVERYTHING };
    for (const name of Object.keys(found)) found[name] = form.elements[name].value;
    return found;
  }

  function draw() {
    const asked = filter();
    const rows = sorted(model, rowsFor(model, asked), sort);
    matrix.show(rows, columnsFor(model, asked), sort);
    const count = findings.show(rows, asked);
    const machines = rows.filter((row) => row.verdict).length;
    const every = data.rows.filter((row) => row.verdict).length;
    told.textContent = `${machines} of ${every} VMs and ${count} of ${data.total} findings shown`;
    for (const button of document.querySelectorAll("button[data-verdict]")) {
      button.setAttribute("aria-pressed", String(button.dataset.verdict === asked.verdict));
    }
    tidy();
  }

  function onSort(by) {
    sort = { by, descending: sort.by === by && !sort.descending };
    draw();
  }

  function onOpen(row, column) {
    came = [row, column];
    const hash = column === null ? `#r${row.at}` : `#r${row.at}-${model.columns[column].id}`;
    if (location.hash === hash) follow();
    else location.hash = hash;
  }

  // back to all findings, and to the cell that one came from
  function onBack() {
    history.replaceState(null, "", location.pathname + location.search);
    findings.show(sorted(model, rowsFor(model, filter()), sort), filter());
    tidy();
    if (came) matrix.focusCell(...came);
  }

  function follow() {
    const [, at, id] = /^#r(\d+)(?:-(AVB-\d+))?$/.exec(location.hash) ?? [];
    const row = data.rows[at];
    if (!row) return;
    came ??= [row, model.columnOf.get(id) ?? null];
    findings.showOne(row, model.columnOf.get(id) ?? null);
    tidy();
  }

  function tidy() {
    for (const tail of tails) {
      const { left } = parts()[tail.dataset.more];
      tail.hidden = left <= 0;
      tail.textContent = `Show more (${left} left)`;
    }
  }

  // what comes near the window is drawn before somebody asks; the buttons serve keyboards
  function watch() {
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting && !entry.target.hidden) entry.target.click();
    }, { rootMargin: "400px" });
    for (const tail of tails) observer.observe(tail);
  }

  // paper shows everything that the filters leave, opened
  function unfold() {
    matrix.all();
    findings.all();
    for (const details of document.querySelectorAll("#avb-finding-list details")) {
      details.open = true;
      details.dispatchEvent(new Event("toggle"));
    }
    tidy();
  }

  function fillCauses() {
    for (const number of new Set(model.columns.map((control) => control.cause))) {
      form.elements.cause.append(make("option", { value: number }, data.causes[number]));
    }
  }
}

start();

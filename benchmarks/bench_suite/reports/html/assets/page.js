// The program of a page: it sorts and filters boards, traces numbers to their cells, and compares rows.
// Without it the page can be read all the same. All text from outside is set with textContent.
"use strict";
(() => {
  const ROWS = 25;
  const BETTER = 1, REFERENCE = 2, METRIC = 3;
  const [RANK, LABEL, NOTE, BAR, CELLS, VALUES, SEEDS, IDS, SEED_NAMES, BY_CELL, BEATS, AXES] = Array.from({ length: 12 }, (_, i) => i);
  const KINDS = {
    mean: "The board shows the mean of these cells with its 95 % interval, over their test examples and seeds.",
    median: "The board shows the median of all repetitions in these cells, with the middle half of them, or all of two or three, in parentheses. Below is the value of each cell.",
    none: "There is no value; the note says why.",
  };
  const byId = (id) => document.getElementById(id);
  const element = (name, text, classes) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (classes) made.className = classes;
    return made;
  };
  const button = (text, action, label) => {
    const made = element("button", text);
    made.type = "button";
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", action);
    return made;
  };

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return JSON.parse(await new Response(stream).text());
  }

  // ── state ────────────────────────────────────────────────────────────────────────────────────

  const state = { task: "", model: "", axes: {}, sorted: {}, shown: {}, picked: new Map() };
  let boards = [];

  const key = (board, row) => `${board.id}:${row}`;

  // Any of the names between commas, of each of which all words are in the label.
  function named(label) {
    const text = label.toLowerCase();
    const names = state.model.split(",").map((name) => name.trim()).filter((name) => name !== "");
    return names.length === 0 || names.some((name) => name.split(/\s+/).every((word) => text.includes(word)));
  }

  function matches(row) {
    if (!Object.entries(state.axes).every(([axis, value]) => value === "" || row[AXES][axis] === value)) return false;
    return named(row[LABEL]);
  }

  function order(board) {
    const rows = board.rows.map((_, number) => number).filter((number) => matches(board.rows[number]));
    const sorted = state.sorted[board.id];
    if (!sorted) return rows;
    const sign = sorted.descending ? -1 : 1;
    const value = (number) => {
      const row = board.rows[number];
      if (sorted.by === "label") return row[LABEL];
      return sorted.by === "rank" ? number : row[VALUES][Number(sorted.by)];
    };
    return rows.sort((first, second) => {
      const [a, b] = [value(first), value(second)];
      if (a === null || b === null) return (a === null) - (b === null); // rows without a value come last
      if (a === b) return first - second;
      return sign * (typeof a === "string" ? a.localeCompare(b) : a - b);
    });
  }

  // ── boards ───────────────────────────────────────────────────────────────────────────────────

  const SVG = "http://www.w3.org/2000/svg";

  function bar(ends, text) {
    const image = document.createElementNS(SVG, "svg");
    const set = (node, values) => {
      for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
    };
    set(image, { class: "mini", viewBox: "0 0 120 14", width: 120, height: 14, role: "img", "aria-label": text });
    const line = document.createElementNS(SVG, "path");
    set(line, { class: "whisker c0", d: `M${ends[0]},7H${ends[2]}` });
    const dot = document.createElementNS(SVG, "circle");
    set(dot, { class: "dot c0", cx: ends[1], cy: 7, r: 3.5 });
    image.append(line, dot);
    return image;
  }

  // A long name may be broken after each underscore.
  const breakable = (text) => text.split(/(?<=_)/).flatMap((part) => [part, element("wbr")]).slice(0, -1);

  function line(board, number, ranked) {
    const row = board.rows[number];
    const made = element("tr");
    made.dataset.row = number;
    const pick = element("td", undefined, "pick js");
    const box = element("input");
    box.type = "checkbox";
    box.checked = state.picked.has(key(board, number));
    box.setAttribute("aria-label", `Select ${row[LABEL]} on ${board.heading}`);
    box.addEventListener("change", () => choose(board, number, box.checked));
    box.addEventListener("keydown", (event) => { if (event.key === "Enter" && state.picked.size > 1) compare(); });
    pick.append(box);
    made.append(pick);
    if (ranked) made.append(element("td", row[RANK], "rank"));
    const name = element("th");
    name.scope = "row";
    name.append(...breakable(row[LABEL]));
    if (row[NOTE]) name.append(" ", element("sup", row[NOTE]));
    made.append(name);
    const interval = element("td", undefined, "bar");
    if (row[BAR]) interval.append(bar(row[BAR], `${row[LABEL]}: interval of the metric that ranks`));
    made.append(interval);
    row[CELLS].forEach(([text, note, best], column) => {
      const cell = element("td", undefined, "number");
      const content = button("", () => trace(board, number, column), `${text}: where this number comes from`);
      content.append(...text.split(/ (?=[[(])/).flatMap((part) => [" ", element("span", part)]).slice(1));
      if (best) { const bold = element("b"); bold.append(content); cell.append(bold); } else cell.append(content);
      if (note) content.lastChild.append("\u00a0", element("sup", note));
      made.append(cell);
    });
    made.append(element("td", row[SEEDS], "number"));
    return made;
  }

  function draw(board) {
    const section = document.querySelector(`[data-board="${board.id}"]`);
    const body = section.querySelector("tbody");
    const rows = order(board);
    const limit = state.shown[board.id] || ROWS;
    const ranked = section.querySelector('[data-sort="rank"]') !== null;
    body.replaceChildren(...rows.slice(0, limit).map((number) => line(board, number, ranked)));
    section.hidden = (state.task !== "" && state.task !== board.task) || rows.length === 0;
    let more = section.querySelector(".more");
    if (!more) {
      more = element("p", undefined, "more");
      section.querySelector(".scroll").after(more);
    }
    const count = Math.min(limit, rows.length);
    more.replaceChildren(count < rows.length ? `${count} of ${rows.length.toLocaleString("en")} rows. ` : "");
    if (count < rows.length) {
      const show = (many) => { state.shown[board.id] = many; draw(board); };
      more.append(button("Show 100 more", () => show(limit + 100)), " ", button("Show all", () => show(Infinity)));
    }
    for (const head of section.querySelectorAll("[data-sort]")) {
      const sorted = state.sorted[board.id];
      if (sorted && sorted.by === head.dataset.sort) head.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    return rows.length;
  }

  function sortable(board) {
    const section = document.querySelector(`[data-board="${board.id}"]`);
    for (const head of section.querySelectorAll("[data-sort]")) {
      const by = head.dataset.sort;
      const toggle = element("button");
      toggle.type = "button";
      toggle.append(...head.childNodes);
      toggle.addEventListener("click", () => {
        const sorted = state.sorted[board.id];
        const higher = board.columns[Number(by)]?.[BETTER] === "higher";
        const descending = sorted && sorted.by === by ? !sorted.descending : higher;
        state.sorted[board.id] = { by, descending };
        draw(board);
      });
      head.append(toggle);
    }
  }

  function drawAll() {
    let rows = 0;
    for (const board of boards) {
      const matching = draw(board);
      if (state.task === "" || state.task === board.task) rows += matching;
    }
    for (const part of document.querySelectorAll(".part")) {
      part.hidden = state.task !== "" && part.dataset.task !== "" && part.dataset.task !== state.task;
    }
    for (const figure of document.querySelectorAll("figure[data-row]")) figure.hidden = !named(figure.dataset.row);
    const filtered = state.task || state.model || Object.values(state.axes).some((value) => value !== "");
    byId("filter-count").textContent = filtered ? `${rows.toLocaleString("en")} ${rows === 1 ? "row matches" : "rows match"}` : "";
  }

  // ── meanings of metrics, and commands to copy ────────────────────────────────────────────────

  const meaning = (section, metric) => [...section.querySelectorAll(".meanings [data-metric]")].find((one) => one.dataset.metric === metric);

  let asked = null; // the button whose tip is shown

  function hideTip() {
    asked?.setAttribute("aria-expanded", "false");
    asked = null;
    byId("tip").replaceChildren();
  }

  function explain(button, own) {
    const again = asked === button;
    hideTip();
    if (again) return;
    asked = button;
    button.setAttribute("aria-expanded", "true");
    const tip = byId("tip"), place = button.getBoundingClientRect();
    tip.replaceChildren(...own.cloneNode(true).childNodes);
    tip.style.top = `${place.bottom + scrollY + 6}px`;
    tip.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - tip.offsetWidth - 8)) + scrollX}px`;
  }

  function explained(section) {
    for (const head of section.querySelectorAll("th[data-metric]")) {
      const own = meaning(section, head.dataset.metric);
      if (!own) continue;
      const tip = button("?", () => explain(tip, own), `Meaning of ${head.dataset.metric}`);
      tip.className = "tip";
      tip.setAttribute("aria-expanded", "false");
      head.append(tip);
    }
  }

  function tips() {
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
    document.addEventListener("click", (event) => { if (!event.target.closest(".tip, #tip")) hideTip(); });
    addEventListener("resize", hideTip);
  }

  function copier(source) {
    const made = button("Copy", async () => {
      const text = source.textContent.trim();
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        getSelection().selectAllChildren(source); // the reader can press the keys that copy
        if (!document.execCommand("copy")) return;
      }
      made.textContent = "Copied";
      byId("said").textContent = `Copied: ${text}`;
      setTimeout(() => { made.textContent = "Copy"; }, 2000);
    }, "Copy the command");
    made.className = "copy";
    return made;
  }

  // ── details ──────────────────────────────────────────────────────────────────────────────────

  function open(title, ...content) {
    byId("dialog-title").textContent = title;
    byId("dialog-body").replaceChildren(...content);
    byId("dialog").showModal();
  }

  function table(header, rows) {
    const made = element("table", undefined, "grid");
    const head = made.createTHead().insertRow();
    for (const name of header) {
      const cell = element("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = made.createTBody();
    for (const row of rows) {
      const tr = body.insertRow();
      row.forEach((content, column) => {
        const cell = element(column === 0 ? "th" : "td");
        if (column === 0) cell.scope = "row";
        cell.append(content);
        tr.append(cell);
      });
    }
    const scroll = element("div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "group");
    scroll.setAttribute("aria-label", "Details");
    scroll.append(made);
    return scroll;
  }

  const link = (text, address) => {
    const made = element("a", text);
    made.href = address;
    return made;
  };

  function command(text) {
    const made = element("span"), code = element("code", text);
    made.append(code, " ", copier(code));
    return made;
  }

  const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");

  function trace(board, number, column) {
    const row = board.rows[number];
    const measured = board.columns.filter((own) => !own[REFERENCE]);
    const position = measured.indexOf(board.columns[column]);
    const title = `${row[LABEL]}, ${board.columns[column][0]}: ${row[CELLS][column][0]}`;
    const own = meaning(document.querySelector(`[data-board="${board.id}"]`), board.columns[column][METRIC]);
    const means = own ? [element("p", `${own.dataset.metric}: ${own.querySelector("dd").textContent}`)] : [];
    if (position < 0) {
      open(title, ...means, element("p", "This is a difference between two rows of the board. The numbers behind it are those of both rows."));
      return;
    }
    const lines = row[IDS].map((id, cell) => {
      const value = row[BY_CELL][cell]?.[position];
      const file = `${board.address}cells/${id}/predictions-test.parquet`;
      const there = board.without !== true && !board.without.includes(id);
      return [
        row[SEED_NAMES][cell] === null ? "–" : `seed ${row[SEED_NAMES][cell]}`,
        value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumSignificantDigits: 6 }),
        command(`bench show cell ${id} --run ${board.name}${board.option}`),
        there ? link("predictions", encoded(file)) : "not in the run's folder",
      ];
    });
    const [, note, , kind] = row[CELLS][column];
    const notes = board.notes.filter((text) => note.split(" ").includes(text.split(" ", 1)[0])).map((text) => element("p", text, "note"));
    const about = lines.length ? KINDS[kind] : `This run has too many cells to trace in the page: see bench export ${board.name} --format csv${board.option}.`;
    open(title, ...means, element("p", about), ...notes, ...(lines.length ? [table(["Cell", "Value", "Its record", "Its predictions"], lines)] : []));
  }

  function choose(board, number, chosen) {
    if (chosen) state.picked.set(key(board, number), [board, number]);
    else state.picked.delete(key(board, number));
    const count = state.picked.size;
    byId("tray").hidden = count === 0;
    byId("tray-text").textContent = count === 1 ? "1 row is selected: select another one to compare." : `${count} rows are selected. Press Enter in a box, or Compare.`;
    byId("tray-open").disabled = count < 2;
  }

  function compare() {
    const groups = new Map();
    for (const [board, number] of state.picked.values()) {
      if (!groups.has(board)) groups.set(board, []);
      groups.get(board).push(number);
    }
    const content = [];
    for (const [board, picked] of groups) {
      const numbers = picked.toSorted((first, second) => first - second);
      content.push(element("h3", board.heading));
      const rows = numbers.map((number) => board.rows[number]);
      const lines = board.columns.map((column, position) => {
        const texts = rows.map((row) => row[CELLS][position].slice(0, 2).filter(Boolean).join(" "));
        const [first, ...others] = rows.map((row) => row[VALUES][position]);
        const differences = others.map((value) => (value === null || first === null || column[REFERENCE] ? "–" : signed(value - first)));
        return [column[0], ...texts, ...differences];
      });
      const names = rows.map((row) => row[LABEL]);
      content.push(table(["Metric", ...names, ...names.slice(1).map((name) => `${name} − ${names[0]}`)], lines));
      const marks = new Set(rows.flatMap((row) => row[CELLS].flatMap((cell) => cell[1].split(" "))));
      content.push(...board.notes.filter((text) => marks.has(text.split(" ", 1)[0])).map((text) => element("p", text, "note")));
      if (rows.length < 2) continue;
      const known = numbers.flatMap((first) => numbers.filter((second) => board.rows[first][BEATS].includes(second)).map((second) => `${board.rows[first][LABEL]} is better than ${board.rows[second][LABEL]}`));
      content.push(element("p", `By ${board.sort || "the metric that ranks"}: ${known.length ? known.join("; ") : "no row is known to be better than another one"}.`));
      content.push(element("p", `A difference is that of the two values before they are rounded, and says nothing about chance. bench compare ${board.name} --between model${board.option} pairs the test examples and gives its interval.`, "note"));
    }
    open("Selected rows", ...content);
  }

  const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + String(Number(Math.abs(value).toPrecision(3)));

  // ── controls ─────────────────────────────────────────────────────────────────────────────────

  function controls() {
    const tasks = [...new Set(boards.map((board) => board.task))];
    const select = byId("filter-task");
    for (const task of tasks) {
      const option = element("option", task);
      option.value = task;
      select.append(option);
    }
    select.closest("label").hidden = tasks.length < 2;
    select.addEventListener("change", () => { state.task = select.value; drawAll(); });
    const model = byId("filter-model");
    model.addEventListener("input", () => { state.model = model.value.trim().toLowerCase(); drawAll(); });
    filtersOfAxes();
    document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
    document.querySelector(".filters").hidden = false;
    byId("tray-open").addEventListener("click", compare);
    byId("tray-clear").addEventListener("click", () => { state.picked.clear(); byId("tray").hidden = true; drawAll(); });
    byId("dialog-close").addEventListener("click", () => byId("dialog").close());
  }

  // A choice for each axis that tells rows apart, such as the share of the training examples.
  function filtersOfAxes() {
    const values = new Map();
    for (const row of boards.flatMap((board) => board.rows)) {
      for (const [axis, value] of Object.entries(row[AXES])) {
        if (!values.has(axis)) values.set(axis, new Set());
        values.get(axis).add(value);
      }
    }
    for (const [axis, known] of values) {
      if (known.size < 2) continue;
      const label = element("label", `${axis} `);
      const select = element("select");
      for (const value of ["", ...known]) {
        const option = element("option", value === "" ? "all" : value);
        option.value = value;
        select.append(option);
      }
      select.addEventListener("change", () => { state.axes[axis] = select.value; drawAll(); });
      label.append(select);
      byId("filter-axes").append(label);
    }
  }

  function theme() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const modes = ["", ...(dark ? ["light", "dark"] : ["dark", "light"])]; // the first press changes something
    const names = { "": "as the system", light: "light", dark: "dark" };
    let mode = 0;
    byId("theme").addEventListener("click", () => {
      mode = (mode + 1) % modes.length;
      if (modes[mode]) document.documentElement.dataset.theme = modes[mode];
      else delete document.documentElement.dataset.theme;
      byId("theme").setAttribute("aria-label", `Colours: ${names[modes[mode]]}`);
    });
  }

  async function start() {
    theme();
    const data = await unpacked(byId("packed").textContent);
    boards = data.boards;
    for (const board of boards) sortable(board);
    for (const section of document.querySelectorAll("[data-board]")) explained(section);
    for (const source of document.querySelectorAll("[data-copy]")) source.after(" ", copier(source));
    tips();
    controls();
    drawAll();
    document.documentElement.dataset.ready = "yes";
  }

  start();
})();

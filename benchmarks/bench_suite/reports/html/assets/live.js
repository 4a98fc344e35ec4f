// The live part of a page that `bench view` serves: it asks for the progress of the run, and for a new page if its
// results have changed and nobody is busy with the old one. All text from outside is set with textContent.
"use strict";
(() => {
  const POLL = 2000, IDLE = 10000, SLOWEST = 30000, RELOAD = 5000, SPOKEN = 15000; // milliseconds
  const KEPT = `bench-view ${location.pathname}`;
  const panel = document.getElementById("live");
  const shown = panel.dataset.version;
  const title = document.title;
  const element = (name, text, classes) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (classes) made.className = classes;
    return made;
  };

  // ── the panel ────────────────────────────────────────────────────────────────────────────────

  const bar = element("progress");
  bar.setAttribute("aria-label", "Cells that have ended");
  const [count, failed, left, state] = [element("strong"), element("span", undefined, "bad"), element("span"), element("p")];
  const follow = element("input");
  follow.type = "checkbox";
  follow.id = "live-follow";
  const label = element("label", " Show new results automatically");
  label.prepend(follow);
  const renew = element("button", "New results: show them");
  renew.type = "button";
  renew.id = "live-renew";
  renew.hidden = true;
  const spoken = element("p", undefined, "hidden"); // apart from the numbers, which change every two seconds
  spoken.setAttribute("role", "status");
  spoken.setAttribute("aria-live", "polite");
  const line = element("div", undefined, "line");
  line.append(bar, count, failed, left, renew, label);
  const running = element("div");
  const list = (text, id) => {
    const made = element("details");
    made.id = id;
    made.hidden = true;
    made.append(element("summary", text), element("div"));
    return made;
  };
  const latest = list("Cells that ended last", "live-latest"), failures = list("Cells that failed", "live-failures");
  panel.replaceChildren(line, state, running, latest, failures, spoken);

  const number = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

  function duration(seconds) {
    if (seconds === null) return "";
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  }

  function table(name, header, rows) {
    const made = element("table", undefined, "grid");
    made.append(element("caption", name, "hidden"));
    const head = made.createTHead().insertRow();
    for (const text of header) {
      const cell = element("th", text);
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
    scroll.setAttribute("aria-label", name);
    scroll.append(made);
    return scroll;
  }

  function training(cell) {
    const all = cell.planned_steps ? ` of about ${cell.planned_steps.toLocaleString("en")}` : "";
    const parts = cell.steps ? [`${cell.steps.toLocaleString("en")}${all} steps`] : [];
    if (cell.loss !== null) parts.push(`loss ${number(cell.loss)}`);
    if (cell.samples_per_second) parts.push(`${number(cell.samples_per_second)} samples/s`);
    return parts.join(", ");
  }

  function tracebacks(cell) {
    const links = cell.tracebacks.map((address) => {
      const made = element("a", address.split("/").pop());
      made.href = address.split("/").map(encodeURIComponent).join("/");
      return made;
    });
    const content = element("span", cell.result);
    for (const one of links) content.append(" ", one);
    return content;
  }

  // A table that the reader scrolls or selects in is left as it is until it changes.
  function fill(place, content, key) {
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    place.replaceChildren(content);
  }

  function stateOf(news) {
    const missing = news.planned - news.done, driver = news.driver;
    const resume = "bench run with --resume runs them.";
    const lacking = `${missing.toLocaleString("en")} of ${news.planned.toLocaleString("en")} cells have no result`;
    if (driver === null) {
      if (news.tasks_left > 0) return `No process drives this run; ${news.tasks_left} tasks of a cluster may still run.`;
      return missing > 0 ? `Not running: ${lacking}. ${resume}` : "The run has ended.";
    }
    const who = `process ${driver.process}${driver.host ? ` on ${driver.host}` : ""}, since ${driver.since.replace("T", " ").replace("Z", " UTC")}`;
    if (driver.alive === false) return `Not running, because its process was killed (${who}): ${lacking}. ${resume}`;
    return driver.alive === null ? `Running, unless its process was killed on another machine: ${who}.` : `Running: ${who}.`;
  }

  function show(news) {
    panel.classList.remove("gone");
    bar.max = Math.max(news.planned, 1);
    bar.value = news.done;
    count.textContent = `${news.done.toLocaleString("en")} of ${news.planned.toLocaleString("en")} cells`;
    failed.textContent = news.failed ? `${news.failed.toLocaleString("en")} failed` : "";
    const rate = news.cells_per_minute === null ? [] : [`${number(news.cells_per_minute)} cells a minute`];
    const rest = news.seconds_left === null || news.done >= news.planned ? [] : [`about ${duration(news.seconds_left)} left`];
    left.textContent = news.is_running ? [...rest, ...rate].join(", ") : "";
    state.textContent = stateOf(news);
    document.title = news.is_running ? `${news.done}/${news.planned} ${title}` : title;

    running.hidden = news.running.length === 0;
    const steps = news.running.map((cell) => [
      cell.name,
      cell.alive === false ? `${cell.step} (its process was killed)` : cell.step,
      cell.alive === false ? "" : duration(cell.seconds),
      training(cell),
    ]);
    fill(running, table("Running cells", ["Running", "Step", "Time", "Training"], steps), JSON.stringify(steps));
    lists(news);
    announce(news);
  }

  function lists(news) {
    latest.hidden = news.latest.length === 0;
    const ended = news.latest.map((cell) => [cell.name, cell.status, cell.result, duration(cell.seconds)]);
    fill(latest.lastChild, table("Cells that ended last", ["Cell", "Status", "Result", "Took"], ended), JSON.stringify(ended));
    failures.hidden = news.failures.length === 0;
    const wrong = news.failures.map((cell) => [cell.name, cell.status, tracebacks(cell)]);
    fill(failures.lastChild, table("Cells that failed", ["Cell", "Status", "Why"], wrong), JSON.stringify(news.failures));
  }

  let said = "", saidAt = -Infinity;

  function announce(news) {
    const text = news.is_running ? `${count.textContent} have ended${news.failed ? `, ${news.failed} failed` : ""}.` : state.textContent;
    const now = performance.now();
    if (text === said || (news.is_running && now - saidAt < SPOKEN)) return;
    [said, saidAt] = [text, now];
    spoken.textContent = text;
  }

  // ── a new page ───────────────────────────────────────────────────────────────────────────────

  const detailsByKey = () => {
    const keys = new Map(), seen = new Map();
    for (const one of document.querySelectorAll("main details")) {
      const text = one.id || one.querySelector("summary").textContent;
      const occurrence = seen.get(text) || 0;
      seen.set(text, occurrence + 1);
      keys.set(`${text} ${occurrence}`, one);
    }
    return keys;
  };
  const fields = () => [...document.querySelectorAll(".filters input, .filters select")];
  const columnKey = (head) => `${head.closest("[data-board]")?.dataset.board} ${head.dataset.sort}`;

  function reload() {
    const kept = {
      at: Date.now(),
      y: window.scrollY,
      follow: follow.checked,
      theme: document.documentElement.dataset.theme || "",
      fields: fields().map((one) => one.value),
      sorted: [...document.querySelectorAll("[aria-sort]")].map((head) => [columnKey(head), head.getAttribute("aria-sort")]),
      open: [...detailsByKey()].map(([key, one]) => [key, one.open]),
      said,
    };
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
    location.reload();
  }

  function earlier() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT)) || {};
    } catch {
      return {};
    }
  }

  function restore(kept) {
    for (let clicks = 0; clicks < 3 && (document.documentElement.dataset.theme || "") !== (kept.theme || ""); clicks += 1) {
      document.getElementById("theme").click();
    }
    fields().forEach((one, position) => {
      const value = kept.fields?.[position];
      if (value === undefined || value === one.value) return;
      one.value = value;
      for (const event of ["input", "change"]) one.dispatchEvent(new Event(event, { bubbles: true }));
    });
    const heads = new Map([...document.querySelectorAll("[data-sort]")].map((head) => [columnKey(head), head]));
    for (const [key, direction] of kept.sorted || []) {
      const head = heads.get(key);
      for (let clicks = 0; clicks < 2 && head && head.getAttribute("aria-sort") !== direction; clicks += 1) {
        head.querySelector("button")?.click();
      }
    }
    const details = detailsByKey();
    for (const [key, open] of kept.open || []) if (details.has(key)) details.get(key).open = open;
    if (kept.y !== undefined) window.scrollTo(0, kept.y);
  }

  // A reload would take away what the reader is doing: a dialog, selected rows or text, the position of the keyboard.
  function isBusy() {
    const tray = document.getElementById("tray");
    return document.querySelector("dialog[open]") !== null || (tray !== null && !tray.hidden) ||
      document.querySelector(":focus-visible") !== null || !document.getSelection().isCollapsed;
  }

  function renewIfChanged(news) {
    const changed = shown !== "" && news.version !== shown;
    const justNow = Date.now() - (kept.at || 0) < RELOAD;
    if (changed && follow.checked && !isBusy() && !justNow) reload();
    else renew.hidden = !changed || (follow.checked && !isBusy());
  }

  // ── asking ───────────────────────────────────────────────────────────────────────────────────

  let wait = POLL, timer;

  function gone(text) {
    panel.classList.add("gone");
    state.textContent = `${text} This page shows what it had last.`;
    left.textContent = "";
    running.hidden = true;
    document.title = title;
    if (said !== state.textContent) spoken.textContent = said = state.textContent;
    wait = Math.min(2 * wait, SLOWEST);
  }

  async function ask() {
    clearTimeout(timer);
    if (document.hidden) return; // visibilitychange asks again
    let answer, news;
    try {
      answer = await fetch("progress", { cache: "no-store" });
      if (answer.ok) news = await answer.json();
    } catch {
      answer = null;
    }
    if (news) {
      show(news);
      wait = news.is_running ? POLL : IDLE;
      renewIfChanged(news);
    } else if (answer === null) gone("bench view does not answer any more.");
    else gone(answer.status === 503 ? "The run cannot be read any more." : "Another server answers at this address.");
    clearTimeout(timer);
    timer = setTimeout(ask, wait);
  }

  const kept = earlier();
  follow.checked = kept.follow !== false;
  said = kept.said || "";
  saidAt = said ? performance.now() : -Infinity;
  const remembered = () => sessionStorage.setItem(KEPT, JSON.stringify({ ...earlier(), follow: follow.checked }));
  follow.addEventListener("change", () => { remembered(); ask(); });
  renew.addEventListener("click", reload);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });

  const begin = () => { if (performance.getEntriesByType("navigation")[0]?.type === "reload") restore(kept); ask(); };
  if (document.documentElement.dataset.ready === "yes") begin();
  else {
    const observer = new MutationObserver(() => {
      if (document.documentElement.dataset.ready === "yes") { observer.disconnect(); begin(); }
    });
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-ready"] });
  }
})();

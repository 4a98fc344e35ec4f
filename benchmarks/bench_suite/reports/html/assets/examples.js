// The program of the examples of a page: it filters, sorts and shows them. Without it the first ones can be read all the
// same. All text from outside is set with textContent.
"use strict";
(() => {
  const STEP = 24;
  const [ID, TARGET, ANSWERS, GROUPS, ITEM, EXPLAINED] = Array.from({ length: 6 }, (_, i) => i);
  const [VALUE, SCORE, TRUE_SCORE] = [0, 1, 2];
  const [KIND, MAP] = [5, 6]; // in an attribution
  const NOTHING = "–";

  const element = (name, text, classes) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    if (classes) made.className = classes;
    return made;
  };

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return JSON.parse(await new Response(stream).text());
  }

  const number = (value, digits) => (value === null ? NOTHING : digits === undefined ? String(Number(value.toPrecision(4))) : value.toFixed(digits));
  const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + String(Number(Math.abs(value).toPrecision(3)));
  const breakable = (text) => text.split(/(?<=_)/).flatMap((part) => [part, element("wbr")]).slice(0, -1);

  // ── one example ──────────────────────────────────────────────────────────────────────────────

  function pixels(src, width, alt) {
    const picture = element("img", undefined, "pixels");
    Object.assign(picture, { alt, width: width <= 32 ? 2 * width : width, decoding: "async", src });
    return picture;
  }

  function map(data, id, [model, , , , , , src, width, method, explained]) {
    const [made, caption] = [element("figure", undefined, "map"), element("figcaption")];
    const name = data.models[model];
    caption.append(...breakable(name), " for ", element("b", explained), " ", element("small", method));
    made.append(pixels(src, width, `Map of ${name} for class ${explained} by ${method}, example ${id}`), caption);
    return made;
  }

  function item(row, data) {
    const [image, width, , text, cut, values] = row[ITEM] ?? ["", 0, 0, "", 0, []];
    const made = element("div", undefined, "item");
    if (image) made.append(pixels(image, width, `Image of example ${row[ID]}`));
    made.append(...row[EXPLAINED].filter((one) => one[MAP]).map((one) => map(data, row[ID], one)));
    if (text) {
      const shown = element("p", cut ? `${text} … and ${cut.toLocaleString("en")} more characters` : text, "text");
      shown.tabIndex = 0;
      made.append(shown);
    }
    if (values.length) {
      const shown = element("p", undefined, "values");
      shown.tabIndex = 0;
      values.forEach((value, column) => {
        const pair = element("span", `${data.columns[column]}\u00a0`);
        pair.append(element("b", value));
        shown.append(pair, " ");
      });
      made.append(shown);
    }
    return made.childNodes.length ? made : null;
  }

  function table(header, lines) {
    const made = element("table");
    if (header.length) {
      const head = made.createTHead().insertRow();
      header.forEach((name, column) => {
        const cell = element("th", name, column > 1 ? "number" : "");
        cell.scope = "col";
        head.append(cell);
      });
    }
    const body = made.createTBody();
    for (const [wrong, name, ...cells] of lines) {
      const tr = body.insertRow();
      if (wrong) tr.className = "wrong";
      const head = element("th");
      head.scope = "row";
      head.append(...breakable(name));
      tr.append(head);
      cells.forEach((text, column) => {
        const cell = element("td", text, column > 0 || !header.length ? "number" : "");
        if (wrong && column === 0) cell.append(" ", element("small", "wrong"));
        tr.append(cell);
      });
    }
    return made;
  }

  function explanation(data, id, [model, caption, words, bars, address, kind]) {
    const made = element("details");
    const summary = element("summary", `Attribution for ${data.models[model]}`);
    if (kind) summary.append(" ", element("small", kind));
    summary.append(element("span", `, example ${id}`, "hidden"));
    made.append(summary, element("p", caption, "note"));
    if (words.length) {
      const text = element("p", undefined, "text");
      text.tabIndex = 0;
      for (const [word, mark] of words) text.append(mark ? element("mark", word, mark) : word, " ");
      made.append(text);
    }
    if (bars.length) made.append(table([], bars.map(([name, value]) => [false, name, value])));
    if (address) {
      const link = element("a", "Picture of the attribution");
      link.href = address.split("/").map(encodeURIComponent).join("/");
      made.append(link);
    }
    return made;
  }

  const className = (data, code) => (code === null ? NOTHING : data.regression ? number(code) : data.classes[code] ?? String(code));

  function card(data, row) {
    const made = element("li", undefined, "example");
    const shown = item(row, data);
    if (shown) made.append(shown);
    const facts = element("p", data.regression ? "True value: " : "True class: ");
    facts.append(element("b", className(data, row[TARGET])));
    data.groups.forEach(([name, values], group) => {
      if (row[GROUPS][group] >= 0) facts.append(` · ${name}: ${values[row[GROUPS][group]]}`);
    });
    const lines = row[ANSWERS].map((answer, model) => {
      const name = data.models[model];
      if (answer === null) return [false, name, NOTHING, NOTHING, ...(data.regression ? [] : [NOTHING])];
      if (data.regression) return [false, name, number(answer[VALUE]), answer[VALUE] === null ? NOTHING : signed(answer[VALUE] - row[TARGET])];
      return [isWrong(row, model), name, className(data, answer[VALUE]), number(answer[SCORE], 3), number(answer[TRUE_SCORE], 3)];
    });
    const header = data.regression ? ["Model", "Predicted", "Error"] : ["Model", "Predicted", "Score", "Score of the true class"];
    const side = element("div");
    side.append(facts, table(header, lines), ...row[EXPLAINED].map((one) => explanation(data, row[ID], one)));
    const note = element("p", "Example ", "note");
    note.append(element("code", row[ID]));
    side.append(note);
    made.append(side);
    return made;
  }

  // ── filters ──────────────────────────────────────────────────────────────────────────────────

  const isWrong = (row, model) => row[ANSWERS][model] !== null && row[ANSWERS][model][VALUE] !== row[TARGET];
  const answered = (row) => row[ANSWERS].map((_, model) => model).filter((model) => row[ANSWERS][model] !== null);
  const rightness = {
    any: (row) => answered(row).some((model) => isWrong(row, model)),
    all: (row) => answered(row).every((model) => isWrong(row, model)),
    none: (row) => !answered(row).some((model) => isWrong(row, model)),
    explained: (row) => row[EXPLAINED].length > 0,
  };

  // The worst error of the models, or that of the one that is asked about.
  function errorOf(data, row, asked) {
    const errors = answered(row).filter((model) => asked === null || model === asked).map((model) => {
      const answer = row[ANSWERS][model];
      if (data.regression) return answer[VALUE] === null ? 0 : Math.abs(answer[VALUE] - row[TARGET]);
      return isWrong(row, model) ? answer[SCORE] ?? 0 : -(answer[TRUE_SCORE] ?? 0);
    });
    return Math.max(-Infinity, ...errors);
  }

  function spreadOf(row) {
    const values = answered(row).map((model) => row[ANSWERS][model][VALUE]).filter((value) => value !== null);
    return values.length ? Math.max(...values) - Math.min(...values) : 0;
  }

  function differs(row, first, second) {
    const [a, b] = [row[ANSWERS][first], row[ANSWERS][second]];
    return a !== null && b !== null && a[VALUE] !== b[VALUE];
  }

  function matches(row, state) {
    if (state.shown in rightness && !rightness[state.shown](row)) return false;
    if (state.shown.startsWith("kind-") && !row[EXPLAINED].some((one) => one[KIND] === state.shown.slice(5))) return false;
    if (state.shown.startsWith("model-") && !isWrong(row, Number(state.shown.slice(6)))) return false;
    if (state.target !== "" && String(row[TARGET]) !== state.target) return false;
    if (state.predicted !== "" && !answered(row).some((model) => String(row[ANSWERS][model][VALUE]) === state.predicted)) return false;
    if (!Object.entries(state.groups).every(([group, value]) => value === "" || String(row[GROUPS][group]) === value)) return false;
    return state.first === "" || state.second === "" || differs(row, Number(state.first), Number(state.second));
  }

  function select(name, heading, options, change) {
    const label = element("label", `${name} `);
    const made = element("select");
    made.setAttribute("aria-label", `${name}, ${heading}`);
    for (const [value, text] of options) {
      const option = element("option", text);
      option.value = value;
      made.append(option);
    }
    made.addEventListener("change", () => change(made.value));
    label.append(made);
    return label;
  }

  const predictedClasses = (row) => answered(row).map((model) => row[ANSWERS][model][VALUE]);

  function showOptions(data, models) {
    const known = data.rows.flatMap((row) => row[EXPLAINED]);
    const kinds = [...new Set(known.map((one) => one[KIND]))].filter(Boolean).sort();
    const explained = [...(known.length ? [["explained", "with an attribution"]] : []), ...kinds.map((kind) => [`kind-${kind}`, `with an attribution: ${kind}`])];
    if (data.regression) return [["", "all"], ...explained];
    if (models.length === 1) return [["", "all"], ["any", "wrong"], ["none", "right"], ...explained];
    const own = models.map(([model, name]) => [`model-${model}`, `wrong by ${name}`]);
    return [["", "all"], ["any", "wrong by any model"], ["all", "wrong by all models"], ...own, ["none", "right by all models"], ...explained];
  }

  function classOptions(data, codes) {
    if (data.regression) return [];
    const known = [...new Set(codes)].filter((code) => code !== null).sort((a, b) => a - b);
    return [["", "any"], ...known.map((code) => [String(code), className(data, code)])];
  }

  function sortOptions(data) {
    if (!data.regression) return [["", "most models wrong"], ["error", "most confident error"], ["doubt", "least confident error"]];
    const spread = data.models.length > 1 ? [["spread", "greatest disagreement"]] : [];
    return [["", "greatest mean error"], ["error", "greatest error"], ["doubt", "least error"], ...spread];
  }

  function browse(place, data) {
    const heading = place.dataset.heading;
    const initial = () => ({ shown: "", target: "", predicted: "", groups: {}, first: "", second: "", sort: "", limit: STEP });
    let state = initial();
    const list = place.querySelector(".examples");
    const count = element("p", undefined, "note");
    count.setAttribute("role", "status");
    const more = place.querySelector(".more") ?? element("p", undefined, "more");
    more.replaceChildren();
    const button = element("button");
    button.type = "button";
    more.append(button);

    function draw() {
      let rows = data.rows.filter((row) => matches(row, state));
      const asked = state.shown.startsWith("model-") ? Number(state.shown.slice(6)) : null;
      const key = { error: (row) => -errorOf(data, row, asked), doubt: (row) => errorOf(data, row, asked), spread: (row) => -spreadOf(row) }[state.sort];
      if (key) rows = rows.map((row) => [key(row), row]).sort((a, b) => a[0] - b[0]).map(([, row]) => row);
      const shown = rows.slice(0, state.limit);
      const before = list.children.length;
      const kept = state.continued ? before : 0;
      list.replaceChildren(...[...list.children].slice(0, kept), ...shown.slice(kept).map((row) => card(data, row)));
      count.textContent = `${rows.length.toLocaleString("en")} of ${data.rows.length.toLocaleString("en")} examples match, ${shown.length.toLocaleString("en")} are shown.`;
      button.textContent = `Show ${Math.min(STEP, rows.length - shown.length)} more`;
      button.setAttribute("aria-label", `${button.textContent} examples, ${heading}`);
      more.hidden = shown.length === rows.length;
    }

    const change = (values) => { Object.assign(state, { limit: STEP, continued: false }, values); draw(); };
    button.addEventListener("click", () => {
      const first = list.children.length;
      Object.assign(state, { limit: state.limit + STEP, continued: true });
      draw();
      // The button may be gone now: the first new example is where a reader goes on.
      const next = list.children[first];
      if (next) { next.tabIndex = -1; next.focus({ preventScroll: true }); }
    });

    // A group and no form: forms are landmarks, and each task would add one.
    const form = element("div", undefined, "pick-examples");
    form.setAttribute("role", "group");
    form.setAttribute("aria-label", `Filters of examples, ${heading}`);

    function controls() {
      const pick = (name, options, change) => (options.length > 1 ? [select(name, heading, options, change)] : []);
      const models = data.models.map((name, model) => [String(model), name]);
      const pair = models.length > 1 ? [["", "–"], ...models] : [];
      const reset = element("button", "Reset");
      reset.type = "button";
      reset.setAttribute("aria-label", `Reset the filters, ${heading}`);
      reset.addEventListener("click", () => { state = initial(); form.replaceChildren(...controls()); draw(); form.querySelector("button").focus(); });
      return [
        ...pick("Show", showOptions(data, models), (value) => change({ shown: value })),
        ...pick("True class", classOptions(data, data.rows.map((row) => row[TARGET])), (value) => change({ target: value })),
        ...pick("Predicted", classOptions(data, data.rows.flatMap(predictedClasses)), (value) => change({ predicted: value })),
        ...data.groups.flatMap(([name, values], group) => {
          const options = [["", "any"], ...values.map((value, code) => [String(code), value])];
          return pick(name, options, (value) => change({ groups: { ...state.groups, [group]: value } }));
        }),
        ...pick("Disagree:", pair, (value) => change({ first: value })),
        ...pick("and", pair, (value) => change({ second: value })),
        ...pick("Sort", sortOptions(data), (value) => change({ sort: value })),
        reset,
      ];
    }

    form.append(...controls());
    place.prepend(form, count);
    place.append(more);
    draw();
    place.dataset.ready = "yes";
  }

  async function start() {
    for (const place of document.querySelectorAll("[data-examples]")) {
      const packed = document.getElementById(`${place.dataset.examples}-data`);
      if (packed) browse(place, await unpacked(packed.textContent));
    }
  }

  start();
})();

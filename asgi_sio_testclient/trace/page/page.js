"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const narrow = window.innerWidth <= 800;
  const MARK = -1, OPEN = -2, GUTTER = narrow ? 62 : 78, MARGIN = narrow ? 60 : 150, CHARACTER = 7.25, SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const items = data.items.map(([lane, start, duration, kind, group, title, detail, failed], index) => ({
    index, lane, start, duration, kind, failed: !!failed, title: data.strings[title], detail: data.strings[detail],
    group: group || { wait: "waits", request: "http" }[kind] || "",
    mark: duration === MARK, causes: [], effects: [], row: -1, lastRow: -1, depth: 0,
  }));
  const end = items.reduce((last, item) => Math.max(last, item.start + Math.max(0, item.duration)), 0);
  for (const [source, target, inferred] of data.arrows) {
    items[source].effects.push({ item: items[target], inferred });
    items[target].causes.push({ item: items[source], inferred });
  }
  for (const item of items) {
    item.end = item.duration === OPEN ? end : item.start + Math.max(0, item.duration);
    item.text = [item.title, data.lanes[item.lane][0], item.detail, item.kind, item.group].join("\n").toLowerCase();
  }
  const hidden = new Set(items.some((item) => item.group === "heartbeat") ? ["heartbeat"] : []);
  const state = { zoom: 1, filter: "", lane: -1, picked: null, rows: [], lanes: [], x: [], y: [], height: 0, width: 0 };
// Lanes share the width there is, within bounds.
  const size = () => {
    const fit = ($("view").clientWidth - GUTTER - MARGIN) / Math.max(1, state.lanes.length);
    const lane = Math.max(narrow ? 70 : 100, Math.min(200, fit)) * Math.max(0.5, Math.min(2.5, state.zoom));
    return { row: Math.max(13, Math.round(22 * state.zoom)), lane: Math.round(lane) };
  };

  // -- which rows there are

  // A mark that only shows where an arrow begins or ends has no row of its own; neither has a span
  // that an arrow of the row before starts.
  const isEnd = (item) => item.kind === "arrival" || item.kind === "departure";
  const joined = (item) => !item.mark && item.kind !== "wait" && item.causes.some(({ item: cause }) => cause.mark && cause.kind === "sent" && item.start - cause.start < 1000);

  function matches(item) {
    if (hidden.has(item.group)) return false;
    const near = [item, ...item.causes.map((c) => c.item), ...item.effects.map((e) => e.item)];
    if (state.lane >= 0 && !near.some((other) => other.lane === state.lane)) return false;
    return !state.filter || near.some((other) => other.text.includes(state.filter));
  }

  function layout() {
    const visible = items.filter((item) => !isEnd(item) && matches(item));
    const used = new Set();
    for (const item of visible) {
      used.add(item.lane);
      for (const { item: other } of [...item.causes, ...item.effects]) if (isEnd(other)) used.add(other.lane);
    }
    const all = !state.filter && state.lane < 0;
    state.lanes = data.lanes.map((_, index) => index).filter((index) => used.has(index) || (all && data.lanes[index][1] === "client"));
    const { row: height, lane: width } = size();
    state.x = [];
    state.lanes.forEach((lane, column) => { state.x[lane] = GUTTER + Math.round(width * (column + 0.5)); });
    state.width = Math.max(GUTTER + width * state.lanes.length + MARGIN, $("view").clientWidth - 2);
    for (const item of items) item.row = item.lastRow = -1;
    state.rows = []; state.y = []; state.gaps = [];
    let y = 4, before = null;
    for (const item of visible) {
      if (joined(item)) {
        const cause = item.causes.find(({ item: c }) => c.kind === "sent").item;
        if (cause.row >= 0) { item.row = cause.row; continue; }
      }
      const gap = before === null ? 0 : item.start - before;
      if (gap > 20000) { y += height; state.gaps[state.rows.length] = gap; }
      item.row = state.rows.length;
      state.rows.push(item); state.y.push(y);
      y += height; before = item.start;
    }
    state.height = y + height;
    const starts = state.rows.map((item) => item.start);
    const stacks = new Map();
    state.bars = visible.filter((item) => !item.mark && item.row >= 0);
    for (const bar of state.bars) {
      let low = 0, high = starts.length;
      while (low < high) { const middle = (low + high) >> 1; if (starts[middle] <= bar.end) low = middle + 1; else high = middle; }
      bar.lastRow = Math.max(bar.row, low - 1);
      const stack = stacks.get(bar.lane) || [];
      stacks.set(bar.lane, stack);
      let depth = 0;
      if (bar.kind === "wait") depth = Math.max(0, stack.findLastIndex ? stack.findLastIndex((s) => s.end >= bar.start && s.kind !== "wait") : 0);
      else { while (stack[depth] && stack[depth].lastRow >= bar.row) depth++; stack[depth] = bar; }
      bar.depth = depth;
    }
    drawHeads();
    $("canvas").style.height = state.height + "px";
    $("canvas").style.width = state.width + "px";
    $("count").textContent = `${state.rows.length} rows, ${time(end)}`;
    draw(true);
  }

  // -- drawing

  function time(us) {
    if (us < 1000) return `${us} µs`;
    if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)} ms`;
    return `${(us / 1e6).toFixed(us < 1e7 ? 3 : 1)} s`;
  }

  function element(parent, name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.appendChild(node);
    return node;
  }

  function drawHeads() {
    const heads = $("heads");
    heads.style.width = state.width + "px";
    heads.textContent = "";
    const { lane: width } = size();
    for (const lane of state.lanes) {
      const [title, kind, detail] = data.lanes[lane];
      const head = document.createElement("button");
      head.className = kind;
      head.tabIndex = -1;
      head.style.left = state.x[lane] + "px";
      head.style.width = width - 10 + "px";
      head.textContent = title;
      head.title = detail ? `${title}\n${detail}` : title;
      head.setAttribute("aria-pressed", state.lane === lane);
      const small = document.createElement("small");
      small.textContent = detail || kind;
      head.appendChild(small);
      head.onclick = () => { state.lane = state.lane === lane ? -1 : lane; layout(); };
      heads.appendChild(head);
    }
  }

  let drawn = [-1, -1];
  function draw(force) {
    const view = $("view"), { row: height } = size();
    const top = view.scrollTop - 400, bottom = view.scrollTop + view.clientHeight + 400;
    let first = 0;
    { let low = 0, high = state.y.length; while (low < high) { const m = (low + high) >> 1; if (state.y[m] < top) low = m + 1; else high = m; } first = low; }
    let last = first;
    while (last < state.y.length && state.y[last] < bottom) last++;
    if (!force && first === drawn[0] && last === drawn[1]) return;
    drawn = [first, last];
    const canvas = $("canvas"), svg = document.createElementNS(SVG, "svg");
    const from = first < state.y.length ? Math.max(0, state.y[first] - height * 2) : 0;
    const to = Math.min(state.height, (last > 0 ? state.y[last - 1] : 0) + height * 3);
    svg.setAttribute("width", state.width);
    svg.setAttribute("height", Math.max(1, to - from));
    svg.setAttribute("viewBox", `0 ${from} ${state.width} ${Math.max(1, to - from)}`);
    svg.style.top = from + "px";
    for (let row = first; row < last; row++) {
      const item = state.rows[row], picked = state.picked && state.picked.row === row;
      const back = element(svg, "rect", { x: 0, y: state.y[row], width: state.width, height, class: picked ? "row picked" : "row", "data-row": row });
      back.setAttribute("role", "option");
      back.setAttribute("aria-label", item.title);
    }
    for (const lane of state.lanes) element(svg, "line", { x1: state.x[lane], x2: state.x[lane], y1: from, y2: to, class: "lane" });
    for (const bar of state.bars) if (bar.lastRow >= first && bar.row < last) drawBar(svg, bar, height);
    for (let row = first; row < last; row++) drawRow(svg, state.rows[row], row, height);
    canvas.textContent = "";
    canvas.appendChild(svg);
  }

  function drawBar(svg, bar, height) {
    const wait = bar.kind === "wait", width = wait ? 6 : 12;
    const x = state.x[bar.lane] - width / 2 + bar.depth * 9;
    const y = state.y[bar.row] + (wait ? 5 : 3);
    const bottom = state.y[bar.lastRow] + height - (wait ? 5 : 3);
    element(svg, "rect", { x, y, width, height: Math.max(5, bottom - y), rx: 2, "pointer-events": "none",
      class: ["bar", bar.kind, bar.failed ? "failed" : "", bar.duration === OPEN ? "open" : ""].join(" ") });
  }

  function line(svg, x1, x2, y, look, inferred) {
    const way = x2 > x1 ? 1 : -1;
    element(svg, "line", { x1, x2: x2 - way * 6, y1: y, y2: y, "pointer-events": "none", class: `arrow ${look} ${inferred ? "inferred" : ""}` });
    element(svg, "path", { d: `M${x2 - way * 1},${y} l${-way * 8},-4 v8 z`, "pointer-events": "none", class: `tip-${look}` });
  }

  function drawRow(svg, item, row, height) {
    const y = state.y[row], middle = y + height * 0.68, label = y + height * 0.68 - 4;
    const small = height < 18;
    element(svg, "text", { x: GUTTER - 8, y: y + height * 0.7, "text-anchor": "end", class: "time", "pointer-events": "none" }, time(item.start));
    if (state.gaps[row]) element(svg, "text", { x: GUTTER + 4, y: y - height * 0.3, class: "gap", "pointer-events": "none" }, `… ${time(state.gaps[row])} later`);
    const look = item.failed ? "bad" : item.kind === "received" ? "received" : "sent";
    let text = item.title, x = state.x[item.lane];
    const ends = item.kind === "sent" ? item.effects : item.kind === "received" ? item.causes : [];
    const other = ends.find(({ item: end }) => state.x[end.lane] !== undefined);
    if (other && other.item.lane !== item.lane) {
      const far = state.x[other.item.lane];
      if (item.kind === "sent") line(svg, x, far, middle, look, other.inferred);
      else line(svg, far, x, middle, look, other.inferred);
      x = Math.min(x, far);
      const run = other.item;
      if (item.kind === "sent" && run.mark && run.title) text += `   ${run.title}`;
      if (item.kind === "sent" && run.row === row && run.kind === "handler" && run.duration >= 0) text += `   [${time(run.duration)}]`;
    } else if (item.mark) {
      element(svg, "circle", { cx: x, cy: middle - 3, r: item.failed ? 5 : 3.5, "pointer-events": "none", class: `dot ${item.kind} ${item.failed ? "bad" : ""}` });
    } else if (item.duration !== MARK) text += item.duration === OPEN ? "   has not ended" : `   ${time(item.duration)}`;
    const style = item.failed ? "bad" : item.kind === "wait" || item.group === "heartbeat" || item.group === "engine.io" ? "quiet" : "";
    // To the right of the lane, or to the left of it where there is more room.
    const room = (width) => Math.max(12, Math.floor(width / CHARACTER));
    const right = room(state.width - x - 16), left = room(x - GUTTER - 16);
    const inSight = room($("view").clientWidth - x - 16);
    const flip = !ends.length && text.length > inSight && (left >= text.length || (text.length > right && left > right));
    const limit = flip ? left : right;
    element(svg, "text", { x: flip ? x - 12 : x + 10, y: small ? y + height * 0.75 : label + (ends.length ? -1 : 4), class: style, "text-anchor": flip ? "end" : "start", "pointer-events": "none" }, text.length > limit ? text.slice(0, limit - 1) + "…" : text);
  }

  // -- what is picked

  function pick(item, scroll) {
    state.picked = item && item.row >= 0 ? item : null;
    const panel = $("detail");
    if (panel.hidden === !!item) {
      panel.hidden = !item;
      document.body.classList.toggle("reading", !!item);
      layout();
      state.picked = item && item.row >= 0 ? item : null;
    }
    panel.textContent = "";
    if (item) describe(panel, item);
    if (scroll && state.picked) {
      const view = $("view"), y = state.y[item.row], { row: height } = size();
      const shown = view.clientHeight - 46;
      if (y < view.scrollTop + height || y > view.scrollTop + shown - height * 2) view.scrollTop = Math.max(0, y - shown / 2);
      const x = state.x[item.lane];
      if (x < view.scrollLeft + GUTTER || x > view.scrollLeft + view.clientWidth - 60) view.scrollLeft = Math.max(0, x - view.clientWidth / 2);
    }
    draw(true);
  }

  function add(parent, name, text, className) {
    const node = document.createElement(name);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    parent.appendChild(node);
    return node;
  }

  function describe(panel, item) {
    const close = add(panel, "button", "×", "close");
    close.setAttribute("aria-label", "Close");
    close.onclick = () => pick(null);
    add(panel, "h2", item.title || item.kind);
    const list = add(panel, "dl");
    const fact = (name, value) => { add(list, "dt", name); add(list, "dd", value); };
    fact("lane", data.lanes[item.lane][0]);
    if (data.lanes[item.lane][2]) fact("at", data.lanes[item.lane][2]);
    fact("time", time(item.start));
    if (!item.mark) fact("took", item.duration === OPEN ? "has not ended" : time(item.duration));
    if (item.kind) fact("kind", item.kind);
    if (item.detail) add(panel, "pre", item.detail);
    links(panel, "Caused by", item.causes);
    links(panel, "Led to", item.effects);
    if (!item.mark && item.kind === "handler") {
      const inside = items.filter((other) => other.kind === "wait" && other.lane === item.lane && other.start >= item.start && other.start <= item.end);
      links(panel, "Waited for", inside.map((other) => ({ item: other })));
    }
  }

  function links(panel, title, list) {
    const shown = list.filter(({ item }) => !isEnd(item) || item.title);
    if (!shown.length) return;
    add(panel, "h3", title);
    for (const { item, inferred } of shown.slice(0, 50)) {
      const link = add(panel, "button", `${data.lanes[item.lane][0]}: ${item.title}${inferred ? " (inferred from the time)" : ""}`, "link");
      link.onclick = () => pick(item, true);
    }
    if (shown.length > 50) add(panel, "p", `and ${shown.length - 50} more`);
  }

  function step(by) {
    if (!state.rows.length) return;
    const now = state.picked ? state.picked.row : by > 0 ? -1 : state.rows.length;
    pick(state.rows[Math.max(0, Math.min(state.rows.length - 1, now + by))], true);
  }

  function problem() {
    const rows = state.rows.filter((item) => item.failed);
    if (!rows.length) return;
    const now = state.picked ? state.picked.row : -1;
    pick(rows.find((item) => item.row > now) || rows[0], true);
  }

  function show(item) {
    if (item.row < 0) { hidden.delete(item.group); state.filter = $("filter").value = ""; state.lane = -1; groups(); layout(); }
    pick(item, true);
  }

  function zoom(by) {
    const view = $("view"), share = view.scrollTop / Math.max(1, state.height);
    state.zoom = by === 0 ? 1 : Math.max(0.4, Math.min(3, state.zoom * by));
    layout();
    view.scrollTop = share * state.height;
  }

  function theme(dark) { document.documentElement.classList.toggle("dark", dark); }

  function groups() {
    const box = $("groups"), names = [...new Set(items.map((item) => item.group).filter(Boolean))].sort();
    box.textContent = "";
    for (const name of names) {
      const toggle = add(box, "button", name);
      toggle.setAttribute("aria-pressed", !hidden.has(name));
      toggle.onclick = () => { if (!hidden.delete(name)) hidden.add(name); groups(); layout(); };
    }
  }

  // -- the page

  if (data.outcome) add($("title"), "span", data.outcome, `outcome ${data.outcome}`);
  $("title").append(data.title);
  for (const [text, index] of data.problems) {
    const button = add(add($("problems"), "li"), "button", text);
    if (index >= 0) button.onclick = () => { show(items[index]); button.scrollIntoView({ block: "nearest" }); };
  }
  $("view").addEventListener("scroll", () => requestAnimationFrame(() => draw(false)), { passive: true });
  window.addEventListener("resize", () => layout());
  $("canvas").addEventListener("click", (event) => {
    const row = event.target.getAttribute("data-row");
    if (row !== null) pick(state.rows[Number(row)]);
  });
  $("filter").addEventListener("input", (event) => { state.filter = event.target.value.trim().toLowerCase(); layout(); });
  $("in").onclick = () => zoom(1.25);
  $("out").onclick = () => zoom(0.8);
  $("theme").onclick = () => theme(!document.documentElement.classList.contains("dark"));
  $("help").onclick = () => { $("keys").hidden = !$("keys").hidden; $("help").setAttribute("aria-expanded", !$("keys").hidden); };
  const keys = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1), e: problem,
    Home: () => pick(state.rows[0], true), End: () => pick(state.rows[state.rows.length - 1], true),
    c: () => state.picked && state.picked.causes[0] && show(state.picked.causes[0].item),
    r: () => state.picked && state.picked.effects[0] && show(state.picked.effects[0].item),
    "/": () => $("filter").focus(), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => zoom(0),
    d: () => $("theme").click(), "?": () => $("help").click(), Escape: () => pick(null),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.id === "filter") { if (event.key === "Escape" || event.key === "Enter") $("view").focus(); return; }
    const action = keys[event.key];
    if (action) { action(); event.preventDefault(); }
  });
  const wish = window.matchMedia("(prefers-color-scheme: dark)");
  theme(wish.matches);
  wish.addEventListener("change", () => theme(wish.matches));
  groups();
  layout();
  const first = data.problems.find(([, index]) => index >= 0);
  if (first && !narrow) show(items[first[1]]);
})();

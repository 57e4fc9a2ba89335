/* Wires the page: reads the embedded data, fills the tables, links table rows and chart. */
const DATA = JSON.parse(document.getElementById("data").textContent);
const TRADES = new Columns(DATA.trades);
const SIGNALS = new Columns(DATA.signals);
const byId = (name) => document.getElementById(name);
const ROW_OF_TRADE = new Map(DATA.trades.id.map((id, row) => [id, row]));
const detailBox = byId("trade-detail");

function filterOf(key) { return { key, label: key[0].toUpperCase() + key.slice(1).replace("_", " ") }; }

const chart = new CandleChart(byId("chart"), byId("chart-readout"), DATA.candles, TRADES, SIGNALS, (row) => {
  tradesTable.chosen = row;
  tradesTable.draw();
  showDetail(row);
});

const tradesTable = new PagedTable(byId("trades-table"), TRADES, {
  noun: "trades",
  columns: [
    { key: "id", label: "Trade", kind: "button" }, { key: "entry_time", label: "Entry", kind: "time" },
    { key: "exit_time", label: "Exit", kind: "clock", css: "lo" }, { key: "strategy", label: "Strategy", css: "lo" },
    { key: "instrument", label: "Instrument", kind: "instrument", css: "narrow" }, { key: "side", label: "Side", css: "lo" },
    { key: "quantity", label: "Qty", css: "num lo" }, { key: "entry_price", label: "In at", kind: "price", css: "num lo" },
    { key: "exit_price", label: "Out at", kind: "price", css: "num lo" }, { key: "exit_reason", label: "By", kind: "words", css: "lo" },
    { key: "regime", label: "Regime", kind: "words", css: "lo" }, { key: "charge_total", label: "Charges", kind: "price", css: "num lo" },
    { key: "net_inr", label: "Net INR", kind: "net", css: "num" }, { key: "priced_from", label: "Priced from", kind: "tag", css: "lo" },
  ],
  filters: ["strategy", "symbol", "side", "regime", "exit_reason", "priced_from"].map(filterOf),
  totals: (rows) => {
    const net = rows.reduce((sum, row) => sum + DATA.trades.net_inr[row], 0);
    const charges = rows.reduce((sum, row) => sum + DATA.trades.charge_total[row], 0);
    return `${count(rows.length)} of ${count(TRADES.length)} trades, charges ${inr(charges)}, net ${inr(net, true)} INR`;
  },
  pick: (row) => { showTrade(row); byId("candles").scrollIntoView(); },
});

const signalsTable = new PagedTable(byId("signals-table"), SIGNALS, {
  noun: "signals",
  columns: [
    { key: "time", label: "Time", kind: "time" }, { key: "strategy", label: "Strategy", css: "lo" }, { key: "symbol", label: "Symbol", kind: "instrument" },
    { key: "side", label: "Side" }, { key: "regime", label: "Regime", kind: "words", css: "lo" },
    { key: "entry", label: "Entry", kind: "price", css: "num lo" }, { key: "stop", label: "Stop", kind: "price", css: "num lo" },
    { key: "target", label: "Target", kind: "price", css: "num lo" }, { key: "outcome", label: "Outcome", kind: "tag" },
    { key: "reason", label: "Reason", css: "wrap" }, { key: "trade", label: "Trade", kind: "button", css: "lo" },
  ],
  filters: ["outcome", "strategy", "symbol", "side", "regime", "reason"].map(filterOf),
  totals: (rows) => `${count(rows.length)} of ${count(SIGNALS.length)} signals`,
  pick: (row) => {
    const trade = SIGNALS.get("trade", row);
    if (trade !== null && ROW_OF_TRADE.has(trade)) { showTrade(ROW_OF_TRADE.get(trade)); byId("candles").scrollIntoView(); }
  },
});

function showTrade(row) {
  const symbol = TRADES.get("symbol", row), day = dayKey(TRADES.get("entry_time", row));
  showDetail(row);
  if (!Object.hasOwn(DATA.candles, symbol)) return;
  pickSymbol(symbol);
  byId("chart-day").value = day;
  chart.showTrade(row);
}

const DETAIL = [
  ["Strategy", "strategy"], ["Regime", "regime"], ["Instrument", "instrument"], ["Side", "side"], ["Quantity", "quantity"],
  ["Lots", "lots"], ["Entry", "entry_time"], ["In at", "entry_price"], ["Exit", "exit_time"], ["Out at", "exit_price"],
  ["Closed by", "exit_reason"], ["Symbol at entry", "underlying_entry"], ["Stop", "stop"], ["Target", "target"],
  ["Stop on the symbol", "symbol_stop"], ["Target on the symbol", "symbol_target"], ["Delta at entry", "delta"],
  ["Priced from", "priced_from"], ["Gross", "gross_inr"], ["Brokerage", "charge_brokerage"], ["STT", "charge_stt"],
  ["Exchange", "charge_exchange"], ["Investor fund", "charge_ipft"], ["SEBI", "charge_sebi"], ["Stamp duty", "charge_stamp"],
  ["GST", "charge_gst"], ["All charges", "charge_total"], ["Net", "net_inr"],
];

function showDetail(row) {
  const list = make("dl");
  for (const [label, key] of DETAIL) {
    const level = key.startsWith("symbol_") ? key.slice(7) : null;
    if ((level || key === "delta") && !isContract(TRADES, row)) continue;
    const value = level ? symbolLevel(TRADES, SIGNALS, level, row) : TRADES.get(key, row);
    let shown = value === null || value === "" ? "n/a" : typeof value === "string" ? value : inr(value);
    if (key.endsWith("_time")) shown = moment(value);
    if (key === "delta" && value !== null) shown = String(value);
    if (key === "quantity" || key === "lots") shown = count(value);
    list.append(make("div", {}, make("dt", {}, label), make("dd", {}, key === "net_inr" || key === "gross_inr" ? signed(value) : shown)));
  }
  const missing = Object.hasOwn(DATA.candles, TRADES.get("symbol", row)) ? "" : " (no candles of this symbol in this file)";
  detailBox.replaceChildren(make("h3", {}, "Trade #" + TRADES.get("id", row) + missing), list);
}

function pickSymbol(symbol) {
  byId("chart-symbol").value = symbol;
  const select = byId("chart-day");
  if (chart.symbol !== symbol) {
    chart.load(symbol);
    const trades = new Map();
    for (const mark of chart.marks) {
      const day = dayKey(TRADES.get("entry_time", mark.row));
      trades.set(day, (trades.get(day) || 0) + 1);
    }
    select.replaceChildren(...chart.days.map(({ day }) => {
      const number = trades.get(day) || 0;
      return make("option", { value: day }, dayName(day) + (number ? `, ${number} ${number === 1 ? "trade" : "trades"}` : ""));
    }));
  }
}

function stepDay(step) {
  const select = byId("chart-day");
  const next = Math.min(Math.max(select.selectedIndex + step, 0), select.options.length - 1);
  select.selectedIndex = next;
  chart.showDay(select.value);
}

function startChart() {
  const symbols = Object.keys(DATA.candles);
  byId("chart-symbol").append(...symbols.map((symbol) => make("option", { value: symbol }, symbol)));
  if (!symbols.length) { byId("candles").classList.add("empty"); return; }
  const row = TRADES.length ? 0 : null;
  pickSymbol(row !== null && Object.hasOwn(DATA.candles, TRADES.get("symbol", row)) ? TRADES.get("symbol", row) : symbols[0]);
  const day = row === null ? null : dayKey(TRADES.get("entry_time", row));
  if (chart.days.some((one) => one.day === day)) byId("chart-day").value = day;
  chart.showDay(byId("chart-day").value);
  byId("chart-symbol").onchange = (event) => { pickSymbol(event.target.value); chart.showDay(byId("chart-day").value); };
  byId("chart-day").onchange = (event) => chart.showDay(event.target.value);
  byId("chart-previous").onclick = () => stepDay(-1);
  byId("chart-next").onclick = () => stepDay(1);
  byId("chart-in").onclick = () => chart.zoom(1 / 1.5);
  byId("chart-out").onclick = () => chart.zoom(1.5);
  byId("chart-session").onclick = () => chart.showDay(byId("chart-day").value);
  byId("chart-all").onclick = () => chart.showAll();
}

function startEquity() {
  const plots = byId("equity-plots");
  if (!plots) return;
  const cursor = plots.querySelector(".cursor"), tip = plots.querySelector(".tip");
  plots.addEventListener("pointermove", (event) => {
    const box = plots.querySelector("svg").getBoundingClientRect(), outer = plots.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width;
    const near = DATA.equity.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best), DATA.equity[0]);
    const left = box.left - outer.left + near[0] * box.width;
    cursor.hidden = tip.hidden = false;
    cursor.style.left = left + "px";
    tip.textContent = `${moment(near[1])}\nnet ${inr(near[2], true)}\ndrawdown ${inr(near[3])}`;
    tip.style.left = Math.min(left + 10, outer.width - tip.offsetWidth - 4) + "px";
  });
  plots.addEventListener("pointerleave", () => { cursor.hidden = tip.hidden = true; });
}

function setTheme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  chart.draw();
}

const dark = window.matchMedia("(prefers-color-scheme: dark)");
byId("theme").onclick = () => {
  const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  setTheme(now === "dark" ? "light" : "dark");
};
dark.addEventListener("change", () => chart.draw());
window.addEventListener("resize", () => chart.draw());
let themeBefore = "";
window.addEventListener("beforeprint", () => {
  themeBefore = document.documentElement.dataset.theme || "";
  for (const table of [tradesTable, signalsTable]) { table.size = 400; table.page = 0; table.draw(); }
  setTheme("light");
});
window.addEventListener("afterprint", () => {
  for (const table of [tradesTable, signalsTable]) { table.size = PAGE_ROWS; table.draw(); }
  setTheme(themeBefore);
});
startChart();
startEquity();

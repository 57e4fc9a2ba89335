/* Candles of one symbol on a canvas, with the entries and exits of its trades. Bars stand side by side, without nights. */
class CandleChart {
  constructor(canvas, readout, sessions, trades, signals, onPick) {
    Object.assign(this, { canvas, readout, sessions, trades, signals, onPick, chosen: null, hover: null, symbol: null });
    this.bind();
  }

  load(symbol) {
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    this.days = [];
    this.bars = [];
    for (const session of Object.hasOwn(this.sessions, symbol) ? this.sessions[symbol] : []) this.unpack(session);
    this.place = new Map(this.bars.map((bar, index) => [bar.time, index]));
    this.marks = [];
    for (let row = 0; row < this.trades.length; row++) {
      if (this.trades.get("symbol", row) === symbol) this.addMark(row);
    }
  }

  unpack(session) {
    const first = this.bars.length;
    const numbers = session.bars;
    let previous = 0;
    for (let i = 0; i < numbers.length; i += 4) {
      const minute = Array.isArray(session.minutes) ? session.minutes[i / 4] : i / 4;
      const open = previous + numbers[i];
      const close = open + numbers[i + 1];
      const high = Math.max(open, close) + numbers[i + 2];
      const low = Math.min(open, close) - numbers[i + 3];
      this.bars.push({ time: session.start + 60 * minute, open, high, low, close });
      previous = close;
    }
    this.days.push({ day: session.day, first, last: this.bars.length - 1 });
  }

  /** The bar that holds a moment, or -1. */
  barAt(seconds) {
    for (let back = 0; back < 5; back++) {
      const index = this.place.get(Math.floor(seconds / 60) * 60 - 60 * back);
      if (index !== undefined) return index;
    }
    return -1;
  }

  addMark(row) {
    const get = (key) => this.trades.get(key, row);
    const entry = this.barAt(get("entry_time"));
    const exit = this.barAt(get("exit_time"));
    if (entry < 0) return;
    const derivative = isContract(this.trades, row);
    const at = get("signal");
    const side = at !== null && at < this.signals.length ? this.signals.get("side", at) : get("side");
    const level = get("underlying_entry") ?? this.bars[entry].close;
    this.marks.push({
      row, id: get("id"), entry, exit, long: side === "BUY",
      from: derivative ? level : get("entry_price"),
      to: exit < 0 ? null : derivative ? this.bars[exit].close : get("exit_price"),
      net: get("net_inr"), guessed: get("priced_from") !== "candles",
    });
  }

  showDay(day) {
    const found = this.days.find((one) => one.day === day) || this.days[0];
    this.view = found ? [found.first - 3, found.last + 3] : [0, 10];
    this.draw();
  }

  showAll() { this.view = [-3, this.bars.length + 2]; this.draw(); }

  showTrade(row) {
    this.chosen = row;
    this.showDay(dayKey(this.trades.get("entry_time", row)));
  }

  zoom(factor, around) {
    const [left, right] = this.view;
    const centre = around ?? (left + right) / 2;
    const width = Math.min(Math.max((right - left) * factor, 15), this.bars.length + 6);
    const start = centre - ((centre - left) / (right - left)) * width;
    this.move(start, width);
  }

  move(start, width) {
    const left = Math.min(Math.max(start, -width / 2), this.bars.length - width / 2);
    this.view = [left, left + width];
    this.draw();
  }

  bind() {
    const canvas = this.canvas;
    let held = null;
    canvas.addEventListener("wheel", (event) => {
      if (!this.bars.length) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, this.indexAt(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      held = { x: event.offsetX, view: [...this.view], moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (held) {
        const bars = ((event.offsetX - held.x) / this.plotWidth()) * (held.view[1] - held.view[0]);
        held.moved = held.moved || Math.abs(event.offsetX - held.x) > 4;
        if (held.moved) this.move(held.view[0] - bars, held.view[1] - held.view[0]);
      }
      this.hover = { x: event.offsetX, y: event.offsetY };
      this.draw();
    });
    canvas.addEventListener("pointerup", () => {
      const mark = held && !held.moved ? this.markUnder() : null;
      held = null;
      if (mark) { this.chosen = mark.row; this.draw(); this.onPick(mark.row); }
    });
    canvas.addEventListener("pointercancel", () => { held = null; });
    canvas.addEventListener("pointerleave", () => { this.hover = null; this.draw(); });
    canvas.addEventListener("keydown", (event) => {
      const width = this.view[1] - this.view[0];
      const steps = { ArrowLeft: -0.1, ArrowRight: 0.1 };
      if (event.key in steps) { event.preventDefault(); this.move(this.view[0] + steps[event.key] * width, width); }
      if (event.key === "+" || event.key === "=") this.zoom(1 / 1.3);
      if (event.key === "-") this.zoom(1.3);
    });
  }

  plotWidth() { return this.canvas.clientWidth - PRICE_GUTTER; }
  indexAt(x) { return this.view[0] + (x / this.plotWidth()) * (this.view[1] - this.view[0]); }

  markUnder() {
    if (!this.hover || !this.spots) return null;
    let best = null, nearest = 14;
    for (const { x, y, mark } of this.spots) {
      const distance = Math.hypot(x - this.hover.x, y - this.hover.y);
      if (distance < nearest) { nearest = distance; best = mark; }
    }
    return best;
  }

  draw() {
    if (this.canvas.clientWidth && this.view) drawChart(this);
  }
}

/* How a CandleChart paints itself. */
const PRICE_GUTTER = 78;
const TIME_GUTTER = 22;
const DENSE_MARKS = 250;

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function drawChart(chart) {
  const { canvas } = chart;
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = Math.max(window.devicePixelRatio || 1, 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, 'Liberation Sans', sans-serif";
  const paint = { ink: colour("--ink"), soft: colour("--soft"), line: colour("--line"), gain: colour("--gain"),
    loss: colour("--loss"), accent: colour("--accent"), sheet: colour("--sheet") };
  if (!chart.bars.length) {
    pen.fillStyle = paint.soft;
    pen.fillText("No candles to show.", 12, 30);
    chart.readout.textContent = "";
    return;
  }
  const frame = frameOf(chart, width, height);
  drawGrid(pen, chart, frame, paint);
  pen.save();
  pen.beginPath();
  pen.rect(0, 0, frame.right, frame.bottom);
  pen.clip();
  drawBars(pen, chart, frame, paint);
  drawLevels(pen, chart, frame, paint);
  drawMarks(pen, chart, frame, paint);
  pen.restore();
  drawHover(pen, chart, frame, paint);
}

/** Scales of the visible part: x(bar index), y(paise). */
function frameOf(chart, width, height) {
  const [left, right] = chart.view;
  const from = Math.max(0, Math.floor(left)), to = Math.min(chart.bars.length - 1, Math.ceil(right));
  let low = Infinity, high = -Infinity;
  for (let i = from; i <= to; i++) { low = Math.min(low, chart.bars[i].low); high = Math.max(high, chart.bars[i].high); }
  if (low > high) { low = chart.bars[0].low; high = chart.bars[0].high; }
  for (const level of levelsOf(chart)) {
    if (level.near && level.entry <= to && level.exit >= from) { low = Math.min(low, level.value); high = Math.max(high, level.value); }
  }
  const edge = { right: width - PRICE_GUTTER, bottom: height - TIME_GUTTER };
  const room = Math.max(high - low, 100);
  const base = low - room * 0.06, scale = edge.bottom / (room * 1.12);
  const step = edge.right / (right - left);
  return { ...edge, from, to, step, low: base, high: base + edge.bottom / scale,
    x: (index) => (index - left + 0.5) * step, y: (price) => edge.bottom - (price - base) * scale };
}

/** Stop and target of the chosen trade as levels of the symbol: the signal's own when a contract was traded. */
function levelsOf(chart) {
  const mark = chart.marks.find((one) => one.row === chart.chosen);
  if (!mark) return [];
  return ["stop", "target"].map((name) => ({ name, value: symbolLevel(chart.trades, chart.signals, name, mark.row), entry: mark.entry,
    exit: mark.exit < 0 ? mark.entry + 10 : mark.exit }))
    .filter((level) => level.value !== null).map((level) => ({ ...level, near: Math.abs(level.value / mark.from - 1) < 0.1 }));
}

/** A level of the traded symbol in paise; null when only the contract's level is known. */
function symbolLevel(trades, signals, name, row) {
  if (!isContract(trades, row)) return trades.get(name, row);
  const at = trades.get("signal", row);
  return at !== null && at < signals.length ? signals.get(name, at) : null;
}

function isContract(trades, row) { return trades.get("instrument", row).includes("|FO|"); }

function drawGrid(pen, chart, frame, paint) {
  const wanted = (frame.high - frame.low) / Math.max(3, frame.bottom / 60);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= wanted);
  pen.lineWidth = 1;
  for (let price = Math.ceil(frame.low / step) * step; price < frame.high; price += step) {
    const y = Math.round(frame.y(price)) + 0.5;
    pen.strokeStyle = paint.line;
    pen.beginPath(); pen.moveTo(0, y); pen.lineTo(frame.right, y); pen.stroke();
    pen.fillStyle = paint.soft;
    pen.fillText(inr(Math.round(price)), frame.right + 6, y + 4);
  }
  drawTimes(pen, chart, frame, paint);
}

function drawTimes(pen, chart, frame, paint) {
  const every = [5, 15, 30, 60, 120].find((minutes) => minutes * frame.step >= 64) || 0;
  let free = -1;
  for (let i = frame.from; i <= frame.to; i++) {
    const first = i === 0 || chart.bars[i].time - chart.bars[i - 1].time > 3600;
    const minute = Math.floor((chart.bars[i].time + IST_S) / 60) % 1440;
    if (!first && !(every && minute % every === 0)) continue;
    const at = parts(chart.bars[i].time), x = frame.x(i), text = first ? at.day : at.clock;
    if (x < free && frame.step < 0.1) continue;
    if (first) { pen.strokeStyle = paint.soft; pen.globalAlpha = 0.4; line(pen, x - frame.step / 2, 0, x - frame.step / 2, frame.bottom); pen.globalAlpha = 1; }
    if (x < free || x > frame.right - 20) continue;
    pen.fillStyle = first ? paint.ink : paint.soft;
    pen.fillText(text, Math.max(x - 14, 2), frame.bottom + 16);
    free = x + pen.measureText(text).width + 18;
  }
}

function line(pen, x1, y1, x2, y2) { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); }

/** Bars narrower than three pixels are joined, so that a year draws as fast as a day. */
function drawBars(pen, chart, frame, paint) {
  const group = Math.max(1, Math.ceil(3 / frame.step));
  const body = Math.max(1, Math.min(11, frame.step * group * 0.66));
  const start = Math.floor(frame.from / group) * group;
  for (let i = start; i <= frame.to; i += group) {
    const last = Math.min(i + group, chart.bars.length) - 1;
    const open = chart.bars[i].open, close = chart.bars[last].close;
    let high = -Infinity, low = Infinity;
    for (let j = i; j <= last; j++) { high = Math.max(high, chart.bars[j].high); low = Math.min(low, chart.bars[j].low); }
    const x = Math.round(frame.x((i + last) / 2)) + 0.5;
    const up = close >= open, top = frame.y(Math.max(open, close)), bottom = frame.y(Math.min(open, close));
    pen.strokeStyle = pen.fillStyle = up ? paint.gain : paint.loss;
    line(pen, x, frame.y(high), x, top);
    line(pen, x, bottom, x, frame.y(low));
    const tall = Math.max(bottom - top, 1);
    if (up && body > 3) pen.strokeRect(x - body / 2, top, body, tall);
    else pen.fillRect(x - body / 2, top, body, tall);
  }
}

function drawLevels(pen, chart, frame, paint) {
  pen.setLineDash([6, 4]);
  for (const level of levelsOf(chart)) {
    if (!level.near) continue;
    pen.strokeStyle = pen.fillStyle = level.name === "stop" ? paint.loss : paint.gain;
    const y = frame.y(level.value), left = frame.x(level.entry), right = Math.max(frame.x(level.exit), left + 40);
    line(pen, left, y, right, y);
    const text = level.name + " " + inr(level.value);
    pen.fillText(text, Math.max(2, Math.min(right + 6, frame.right - pen.measureText(text).width - 4)), y + 4);
  }
  pen.setLineDash([]);
}

function drawMarks(pen, chart, frame, paint) {
  chart.spots = [];
  const visible = chart.marks.filter((mark) => mark.entry <= frame.to && Math.max(mark.entry, mark.exit) >= frame.from);
  if (visible.length > DENSE_MARKS) { drawDots(pen, chart, visible, frame, paint); return; }
  for (const mark of visible) {
    const chosen = mark.row === chart.chosen;
    const x = frame.x(mark.entry), y = frame.y(mark.from);
    pen.strokeStyle = pen.fillStyle = mark.net < 0 ? paint.loss : paint.gain;
    if (mark.to !== null) {
      const right = frame.x(mark.exit), end = frame.y(mark.to);
      pen.lineWidth = chosen ? 2.5 : 1.2;
      pen.strokeStyle = chosen ? paint.ink : paint.accent;
      line(pen, x, y, right, end);
      drawExit(pen, right, end, mark, paint);
      chart.spots.push({ x: right, y: end, mark });
    }
    drawEntry(pen, x, y, mark, paint, chosen);
    chart.spots.push({ x, y, mark });
  }
  pen.lineWidth = 1;
}

/** Entries only, as dots: what is left readable of hundreds of trades. */
function drawDots(pen, chart, visible, frame, paint) {
  for (const mark of visible) {
    const x = frame.x(mark.entry), y = frame.y(mark.from);
    pen.fillStyle = mark.row === chart.chosen ? paint.ink : paint.accent;
    pen.fillRect(x - 1.5, y - 1.5, 3, 3);
    chart.spots.push({ x, y, mark });
  }
}

function drawEntry(pen, x, y, mark, paint, chosen) {
  const tip = mark.long ? 2 : -2, foot = mark.long ? 13 : -13;
  pen.beginPath(); pen.moveTo(x, y + tip); pen.lineTo(x - 6, y + foot); pen.lineTo(x + 6, y + foot); pen.closePath();
  pen.fillStyle = paint.accent; pen.strokeStyle = paint.sheet; pen.lineWidth = 1.5;
  pen.fill(); pen.stroke();
  if (mark.guessed) {
    pen.setLineDash([2, 2]); pen.strokeStyle = paint.ink;
    pen.beginPath(); pen.arc(x, y + (tip + foot) / 2, 10, 0, 2 * Math.PI); pen.stroke(); pen.setLineDash([]);
  }
  if (chosen) { pen.fillStyle = paint.ink; pen.fillText("#" + mark.id, x + 10, y + foot + 3); }
}

function drawExit(pen, x, y, mark, paint) {
  const shade = mark.net < 0 ? paint.loss : paint.gain;
  for (const [stroke, size] of [[paint.sheet, 4], [shade, 2.2]]) {
    pen.strokeStyle = stroke; pen.lineWidth = size;
    if (mark.net < 0) { line(pen, x - 4.5, y - 4.5, x + 4.5, y + 4.5); line(pen, x - 4.5, y + 4.5, x + 4.5, y - 4.5); }
  }
  if (mark.net >= 0) { pen.fillStyle = shade; pen.strokeStyle = paint.sheet; pen.lineWidth = 1.5; pen.fillRect(x - 5, y - 5, 10, 10); pen.strokeRect(x - 5, y - 5, 10, 10); }
}

function drawHover(pen, chart, frame, paint) {
  const mark = chart.markUnder();
  const index = chart.hover ? Math.round(chart.indexAt(chart.hover.x) - 0.5) : -1;
  const bar = chart.bars[index];
  if (chart.hover && bar) {
    pen.strokeStyle = paint.soft; pen.setLineDash([3, 3]);
    const x = Math.round(frame.x(index)) + 0.5;
    line(pen, x, 0, x, frame.bottom);
    if (chart.hover.y < frame.bottom) line(pen, 0, chart.hover.y, frame.right, chart.hover.y);
    pen.setLineDash([]);
  }
  chart.canvas.style.cursor = mark ? "pointer" : "crosshair";
  if (mark) chart.readout.textContent = tradeLine(chart.trades, mark.row);
  else if (bar) chart.readout.textContent = `${moment(bar.time)}  O ${inr(bar.open)}  H ${inr(bar.high)}  L ${inr(bar.low)}  C ${inr(bar.close)}`;
  else chart.readout.textContent = chart.symbol + ", " + count(chart.marks.length) + (chart.marks.length === 1 ? " trade" : " trades");
}

function tradeLine(trades, row) {
  const get = (key) => trades.get(key, row);
  return `#${get("id")} ${get("strategy")}: ${get("side")} ${count(get("quantity"))} ${get("instrument")}\n` +
    `${moment(get("entry_time"))} at ${inr(get("entry_price"))}, out ${moment(get("exit_time"))} at ${inr(get("exit_price"))}, ` +
    `${get("exit_reason").replace(/_/g, " ")}, net ${inr(get("net_inr"), true)}`;
}

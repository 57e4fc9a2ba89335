/* A table over columns: filter, sort, pages. Only the rows of one page are ever in the document. */
const PAGE_ROWS = 25;
const MOST_CHOICES = 80;
class PagedTable {
  /** options: columns [{key, label, kind, css}], filters [{key, label}], totals(rows) -> text, pick(row), noun, size */
  constructor(root, data, options) {
    Object.assign(this, { root, data, size: PAGE_ROWS, page: 0, sortKey: null, descending: false, chosen: null }, options);
    this.wanted = {};
    this.search = "";
    this.build();
    this.refresh();
  }

  build() {
    this.totalLine = make("p", { class: "totals", "aria-live": "polite" });
    this.head = make("tr");
    this.body = make("tbody");
    this.heads = this.columns.map((column) => this.headCell(column));
    this.head.append(...this.heads);
    const table = make("table", { class: this.pick ? "paged" : "paged plain" }, make("thead", {}, this.head), this.body);
    this.where = make("span");
    this.back = make("button", { type: "button" }, "Back");
    this.more = make("button", { type: "button" }, "More");
    this.back.onclick = () => this.turn(-1);
    this.more.onclick = () => this.turn(1);
    const box = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All " + this.noun }, table);
    this.root.replaceChildren(this.filterBar(), this.totalLine, box, make("div", { class: "pager" }, this.back, this.where, this.more));
  }

  headCell(column) {
    const button = make("button", { type: "button", title: "Sort by " + column.label.toLowerCase() }, column.label);
    button.onclick = () => {
      this.descending = this.sortKey === column.key ? !this.descending : this.isNumber(column);
      this.sortKey = column.key;
      this.refresh();
    };
    return make("th", { scope: "col", class: column.css || "" }, button);
  }

  isNumber(column) { return !this.data.isText(column.key); }

  filterBar() {
    const bar = make("div", { class: "filters" });
    const input = make("input", { type: "search", placeholder: "Find text", "aria-label": "Find text in " + this.noun });
    input.oninput = () => { this.search = input.value.trim().toLowerCase(); this.refresh(); };
    bar.append(input);
    for (const { key, label } of this.filters) {
      const texts = this.data.texts(key);
      if (texts.length < 2 || texts.length > MOST_CHOICES) continue;
      const select = make("select", { "aria-label": "Filter by " + label.toLowerCase() }, make("option", { value: "" }, label + ": all"));
      const order = texts.map((text, place) => [text, place]).sort((a, b) => (a[0] < b[0] ? -1 : 1));
      for (const [text, place] of order) select.append(make("option", { value: String(place) }, text || "(none)"));
      select.onchange = () => { this.wanted[key] = select.value; this.refresh(); };
      bar.append(select);
    }
    return bar;
  }

  matches() {
    const raw = this.data.raw;
    const fixed = Object.entries(this.wanted).filter(([, value]) => value !== "").map(([key, value]) => [raw[key].index, Number(value)]);
    const hits = this.search === "" ? null : Object.keys(raw).filter((key) => this.data.isText(key))
      .map((key) => [raw[key].index, raw[key].texts.map((text) => text.toLowerCase().includes(this.search))]);
    const rows = [];
    for (let row = 0; row < this.data.length; row++) {
      if (fixed.every(([index, value]) => index[row] === value) && (!hits || hits.some(([index, hit]) => hit[index[row]]))) rows.push(row);
    }
    return rows;
  }

  sorted(rows) {
    if (this.sortKey === null) return rows;
    const column = this.data.raw[this.sortKey];
    let value = (row) => (column[row] === null ? -Infinity : column[row]);
    if (this.data.isText(this.sortKey)) {
      const order = column.texts.map((_, place) => place).sort((a, b) => (column.texts[a] < column.texts[b] ? -1 : 1));
      const rank = [];
      order.forEach((place, position) => { rank[place] = position; });
      value = (row) => rank[column.index[row]];
    }
    const sign = this.descending ? -1 : 1;
    return rows.sort((a, b) => { const x = value(a), y = value(b); return x < y ? -sign : x > y ? sign : a - b; });
  }

  refresh() {
    this.rows = this.sorted(this.matches());
    this.page = 0;
    this.columns.forEach((column, place) => {
      const here = column.key === this.sortKey;
      this.heads[place].setAttribute("aria-sort", here ? (this.descending ? "descending" : "ascending") : "none");
      this.heads[place].firstChild.textContent = column.label + (here ? (this.descending ? " \u2193" : " \u2191") : "");
    });
    this.totalLine.textContent = this.totals(this.rows);
    this.draw();
  }

  turn(step) { this.page += step; this.draw(); }

  draw() {
    const first = this.page * this.size;
    const shown = this.rows.slice(first, first + this.size);
    this.body.replaceChildren(...shown.map((row) => this.line(row)));
    if (!shown.length) {
      const words = this.data.length ? "Nothing matches these filters." : "There are no " + this.noun + ".";
      this.body.append(make("tr", {}, make("td", { colspan: String(this.columns.length), class: "flat" }, words)));
    }
    this.where.textContent = shown.length ? `${count(first + 1)} to ${count(first + shown.length)} of ${count(this.rows.length)}` : "";
    this.back.disabled = this.page === 0;
    this.more.disabled = first + this.size >= this.rows.length;
    this.root.querySelector(".pager").hidden = this.rows.length <= this.size;
  }

  line(row) {
    const cells = this.columns.map((column) => make("td", { class: column.css || "" }, this.cell(column, row)));
    const line = make("tr", row === this.chosen ? { class: "chosen" } : {}, ...cells);
    if (this.pick) line.onclick = () => this.choose(row);
    return line;
  }

  choose(row) { this.chosen = row; this.draw(); this.pick(row); }

  cell(column, row) {
    const value = this.data.get(column.key, row);
    if (value === null || value === "") return column.kind === "link" ? "" : "\u2013";
    switch (column.kind) {
      case "net": return signed(value);
      case "price": return inr(value);
      case "time": return moment(value);
      case "clock": return parts(value).clock;
      case "instrument": return instrumentName(value);
      case "words": return words(value);
      case "tag": return make("span", { class: "tag " + (/^[a-z_]+$/.test(value) ? value : "") }, value);
      case "button": return make("button", { type: "button", "aria-label": "Show " + value }, "#" + value);
      default: return typeof value === "number" ? count(value) : value;
    }
  }
}

// Tables that sort, and that draw only the rows on the screen. The other rows are empty space of the same height;
// aria-rowcount and aria-rowindex say which rows these are.

const DRAWN_ALWAYS = 150; // up to this many rows are always drawn
const MARGIN = 15; // rows that are drawn above and below the screen
const PRINTED = 1000;

/**
 * A table. Columns: {id, title, cell(row), value(row), order(a, b), className, first: "descending"}.
 * `sort`: {id, descending} of the first order. `target(row)`: where a click on a row leads.
 */
class Table {
  constructor({ caption, columns, rows, sort = null, target = null }) {
    Object.assign(this, { columns, sort, target });
    this.body = element("tbody");
    this.headers = columns.map((column) => this.header(column));
    this.node = element(
      "table",
      { class: "rows" },
      element("caption", { class: "unseen" }, caption),
      element("thead", {}, element("tr", { "aria-rowindex": 1 }, this.headers)),
      this.body,
    );
    this.drawn = new Map();
    this.height = 0;
    this.node.addEventListener("keydown", (event) => this.move(event));
    this.setRows(rows);
  }

  setRows(rows) {
    this.rows = [...rows];
    this.reorder();
  }

  header(column) {
    const cell = element("th", { scope: "col", class: column.className });
    if (column.value || column.order) {
      cell.append(element("button", { type: "button", onclick: () => this.sortBy(column) }, column.title));
    } else {
      cell.append(column.title);
    }
    return cell;
  }

  sortBy(column) {
    const { id, descending } = this.sort ?? {};
    this.sort = { id: column.id, descending: id === column.id ? !descending : column.first === "descending" };
    this.reorder();
    say(`Sorted by ${column.title}, ${this.sort.descending ? "descending" : "ascending"}`);
  }

  reorder() {
    const column = this.columns.find((each) => each.id === this.sort?.id);
    this.columns.forEach((each, at) => {
      const state = each === column ? (this.sort.descending ? "descending" : "ascending") : null;
      if (state) this.headers[at].setAttribute("aria-sort", state);
      else this.headers[at].removeAttribute("aria-sort");
    });
    if (column) {
      const order = column.order ?? byValue(column.value);
      const sign = this.sort.descending ? -1 : 1;
      this.rows.sort((a, b) => sign * order(a, b));
    }
    this.node.setAttribute("aria-rowcount", this.rows.length + 1);
    this.drawn.clear();
    this.body.replaceChildren();
    this.draw();
  }

  /** Draw the rows on the screen, and the one that has the focus. `all`: for print. */
  draw(all = false) {
    const wanted = this.wanted(all ? PRINTED : DRAWN_ALWAYS, all);
    const pieces = [];
    let next = 0;
    for (const at of wanted) {
      if (at > next) pieces.push(this.space(at - next));
      if (!this.drawn.has(at)) this.drawn.set(at, this.row(at));
      pieces.push(this.drawn.get(at));
      next = at + 1;
    }
    if (next < this.rows.length) pieces.push(all ? this.rest(this.rows.length - next) : this.space(this.rows.length - next));
    for (const at of this.drawn.keys()) if (!wanted.includes(at)) this.drawn.delete(at);
    this.replace(pieces);
    this.measure();
  }

  /** Return the indexes of the rows to draw, in order. */
  wanted(always, all) {
    const total = this.rows.length;
    if (total <= always || !this.height) return range(0, Math.min(total, always));
    if (all) return range(0, always);
    const above = -this.body.getBoundingClientRect().top / this.height;
    const first = Math.max(0, Math.min(Math.floor(above) - MARGIN, total - 2 * MARGIN));
    const last = Math.min(total, Math.ceil(above + innerHeight / this.height) + MARGIN);
    const focused = Number(document.activeElement?.closest("tr")?.ariaRowIndex) - 2;
    const found = range(first, Math.max(last, first));
    if (this.body.contains(document.activeElement) && focused >= 0 && !found.includes(focused)) found.push(focused);
    return found.sort((a, b) => a - b);
  }

  /** Put rows into the table. Rows that stay are not touched, or they would lose the focus. */
  replace(pieces) {
    const kept = new Set(pieces);
    for (const old of [...this.body.children]) if (!kept.has(old)) old.remove();
    pieces.forEach((piece, at) => {
      if (this.body.children[at] !== piece) this.body.insertBefore(piece, this.body.children[at] ?? null);
    });
  }

  measure() {
    const first = this.drawn.values().next().value;
    if (first?.isConnected && !this.height) {
      this.height = first.getBoundingClientRect().height;
      if (this.rows.length > DRAWN_ALWAYS) this.draw();
    }
  }

  row(at) {
    const row = this.rows[at];
    const cells = this.columns.map((column, number) =>
      element(number ? "td" : "th", { class: column.className, scope: number ? null : "row" }, column.cell(row)),
    );
    const open = this.target && ((event) => this.open(event, row));
    return element("tr", { "aria-rowindex": at + 2, class: open ? "opens" : null, onclick: open }, cells);
  }

  open(event, row) {
    if (event.target.closest("a, button") || String(getSelection())) return;
    location.hash = this.target(row);
  }

  rest(rows) {
    return element("tr", {}, element("td", { colspan: this.columns.length }, `${count(rows, "more row")} on the screen`));
  }

  space(rows) {
    const cell = element("td", { colspan: this.columns.length });
    cell.style.height = `${rows * this.height}px`;
    return element("tr", { class: "space", "aria-hidden": "true" }, cell);
  }

  /** Move with the arrow keys from the link of one row to that of the next. */
  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest("tbody tr");
    if (!step || !row) return;
    const link = this.drawn.get(Number(row.ariaRowIndex) - 2 + step)?.querySelector("a");
    if (!link) return;
    event.preventDefault();
    link.focus();
  }
}

function range(first, end) {
  return Array.from({ length: Math.max(0, end - first) }, (_, at) => first + at);
}

function byValue(value) {
  return (a, b) => {
    const [one, other] = [value(a), value(b)];
    return typeof one === "number" ? one - other : naturally(one, other);
  };
}

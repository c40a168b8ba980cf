// A table whose rows become cards if they have no room beside their page (rows.css).

import { make } from "./dom.js";

// `columns`: name and class of each. Roles are said, because a row that is shown as a card would lose its own.
export class Rows {
  constructor(columns, className = "") {
    this.columns = columns;
    this.body = make("tbody", { role: "rowgroup" });
    const heads = columns.map(([name, kind]) => make("th", { scope: "col", role: "columnheader", className: kind }, name));
    const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, heads));
    this.root = make("div", { className: `rows ${className}` }, make("table", { role: "table" }, head, this.body));
  }

  // `rows`: the class and the cells of each.
  show(rows) {
    this.body.replaceChildren(...rows.map(([className, cells]) => this.row(className, cells)));
  }

  row(className, cells) {
    const cellOf = (cell, number) => {
      const [name, kind] = this.columns[number];
      return make("td", { role: "cell", className: kind, "data-name": name }, cell);
    };
    return make("tr", { role: "row", className }, cells.map(cellOf));
  }
}

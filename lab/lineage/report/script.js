"use strict";
// Sorts the table by the column of the heading that is pressed; again, the other way round. Empty values stay last.
const table = document.querySelector("table");
if (table) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const compare = (a, b) =>
    a !== "" && b !== "" && !isNaN(a) && !isNaN(b) ? a - b : a < b ? -1 : a > b ? 1 : 0;
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        return up ? compare(x, y) : compare(y, x);
      });
      body.append(...rows);
    });
  });
}
// A shortened hash is shown whole, and selected, when it is pressed.
for (const code of document.querySelectorAll("code.copy")) {
  code.addEventListener("focus", () => {
    code.textContent = code.dataset.whole;
    getSelection().selectAllChildren(code);
  });
}

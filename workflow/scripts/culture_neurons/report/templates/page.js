"use strict";
// Tables sort by a click on a column's name, and show only the rows that hold all the words of their search.
const collator = new Intl.Collator("en", {numeric: true});
const read = (row, column) => row.cells[column].title || row.cells[column].textContent;
const isNumber = (text) => text !== "" && !Number.isNaN(Number(text));

function compare(first, second) {
  if (first === "" || second === "") return (first === "") - (second === ""); // empty ones last
  return isNumber(first) && isNumber(second) ? first - second : collator.compare(first, second);
}

function sortBy(table, heading) {
  const falling = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [first, second] = [read(a, heading.cellIndex), read(b, heading.cellIndex)];
    return falling && first !== "" && second !== "" ? -compare(first, second) : compare(first, second);
  });
  table.tBodies[0].append(...rows);
}

function search(table, words, output) {
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  output.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
}

for (const table of document.querySelectorAll("table")) {
  for (const heading of table.tHead.rows[0].cells) {
    heading.firstChild.addEventListener("click", () => sortBy(table, heading));
  }
  for (const {cellIndex} of table.tHead.rows[0].cells) {
    const cells = [...table.tBodies[0].rows].map((row) => row.cells[cellIndex]);
    const numbers = cells.every((cell) => cell.textContent === "" || isNumber(cell.textContent));
    for (const cell of cells) cell.className = numbers ? "number" : cell.textContent.length > 40 ? "long" : "";
  }
}
for (const input of document.querySelectorAll("input[type=search]")) {
  const details = input.closest("details");
  input.addEventListener("input", () =>
    search(details.querySelector("table"), input.value.toLowerCase().split(/\s+/).filter(Boolean), details.querySelector("output")),
  );
}

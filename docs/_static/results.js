// Tables of results are sorted by a click on a column's heading, and again for the other direction.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.results")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...(heading.querySelector("p") ?? heading).childNodes);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        sort(table.tBodies[0], column, up ? 1 : -1);
      });
    });
  }
});

function sort(body, column, direction) {
  const text = (row) => row.cells[column].textContent.trim();
  const filled = (row) => text(row) !== "";
  const rows = [...body.rows];
  const numbers = rows.filter(filled).every((row) => !isNaN(parseFloat(text(row))));
  const compare = numbers
    ? (a, b) => parseFloat(text(a)) - parseFloat(text(b))
    : (a, b) => text(a).localeCompare(text(b), "en", { numeric: true });
  // Empty cells stay at the end.
  body.append(
    ...rows.filter(filled).sort((a, b) => direction * compare(a, b)),
    ...rows.filter((row) => !filled(row)),
  );
}

// Sorts a ranking by the clicked column; the page is complete without it.
for (const table of document.querySelectorAll("table.ranking")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" }[head.ariaSort] ?? "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      if (next !== "none") head.ariaSort = next;
      const sign = next === "descending" ? -1 : 1;
      const key = (row) => row.cells[column].dataset.value ?? "";
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (head.classList.contains("number")) return (x === "") - (y === "") || sign * (x - y);
        return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent);
      };
      body.append(...(next === "none" ? original : [...original].sort(compare)));
    });
  });
}

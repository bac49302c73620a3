// Files of what a part shows, made here: its table as CSV, its drawing as SVG with its colors.
const PAINT = ["fill", "stroke", "stroke-width", "stroke-dasharray"];
const FORMULA = /^[=+\-@\t\r]/;
const NUMBER = /^[+-]?[\d.]+$/;

function save(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function field(cell) {
  const text = (cell.dataset.value ?? cell.textContent).replace(/\s+/g, " ").trim();
  const plain = text === "-" ? "" : FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function csv(table) {
  return [...table.rows].map((row) => [...row.cells].map(field).join(",")).join("\r\n") + "\r\n";
}

function svg(drawing) {
  const copy = drawing.cloneNode(true);
  const originals = [drawing, ...drawing.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, at) => {
    const look = getComputedStyle(originals[at]);
    for (const name of PAINT) node.setAttribute(name, look.getPropertyValue(name));
    node.removeAttribute("class");
  });
  const { width, height } = drawing.getBoundingClientRect();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", Math.round(width));
  copy.setAttribute("height", Math.round(height));
  return new XMLSerializer().serializeToString(copy);
}

export function offerFiles() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-file]");
    if (!button) return;
    const part = button.closest("section");
    const name = `${part.id || "gerbench"}.${button.dataset.file}`;
    if (button.dataset.file === "csv") save(csv(part.querySelector("table")), "text/csv", name);
    else save(svg(part.querySelector("svg.chart, svg.bar")), "image/svg+xml", name);
  });
}

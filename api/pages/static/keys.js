// Keys: j and k walk through cases, Enter opens one, / goes to the first filter.
function isTyping(element) {
  return element && /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName);
}

function step(by) {
  const cases = [...document.querySelectorAll("a.case")];
  if (!cases.length) return;
  const here = cases.indexOf(document.activeElement.closest?.("a.case"));
  const current = here >= 0 ? here : cases.findIndex((one) => one.hasAttribute("aria-current"));
  const at = current < 0 ? (by > 0 ? 0 : cases.length - 1) : current + by;
  cases[Math.max(0, Math.min(cases.length - 1, at))].focus();
}

export function walk() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
}

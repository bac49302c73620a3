// Opens a case beside the grid without loading the page again, so that nobody loses their place.
async function open(address, dress) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) { location.href = address; return; }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const view = document.getElementById("view");
  const fresh = page.getElementById("view");
  if (!view || !fresh) { location.href = address; return; }
  const at = scrollY;
  view.className = fresh.className;
  view.innerHTML = fresh.innerHTML;
  dress(view);
  scrollTo({ top: at });
  const current = view.querySelector("a.case[aria-current]");
  current?.focus({ preventScroll: true });
  document.getElementById("case")?.scrollIntoView({ block: "nearest" });
}

export function openBeside(dress) {
  if (!document.getElementById("view")) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#view a[data-beside]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    open(link.href, dress);
  });
  addEventListener("popstate", () => open(location.href, dress));
}

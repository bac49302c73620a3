// Keeps the parts of a page that are marked data-live as the service renders them now.
const AGAIN_MS = 1500;
const MOST_MS = 20000;
const SOON_MS = 250;

const connection = () => document.getElementById("connection");

function tell(words) {
  const place = connection();
  if (place && place.textContent !== words) place.textContent = words;
}

const rendered = new WeakMap();

// Puts a part's new content in place, unless it is what stands there, or somebody is at work in it.
function renew(part, fresh, dress) {
  if (!fresh || rendered.get(part) === fresh.innerHTML) return;
  rendered.set(part, fresh.innerHTML);
  if (part.contains(document.activeElement) && document.activeElement !== document.body) {
    const at = [...part.querySelectorAll("a, button, summary, input")].indexOf(document.activeElement);
    part.innerHTML = fresh.innerHTML;
    part.querySelectorAll("a, button, summary, input")[at]?.focus({ preventScroll: true });
  } else {
    part.innerHTML = fresh.innerHTML;
  }
  dress(part);
}

async function look(dress) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-cache" });
  if (response.redirected) { location.reload(); return; }
  if (!response.ok) throw new Error(`status ${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  const opened = new Set([...document.querySelectorAll("[data-live] details[open]")].map((one) => one.id));
  for (const part of document.querySelectorAll("[data-live]")) renew(part, page.getElementById(part.id), dress);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
}

const isMoving = () => document.querySelector("[data-moving]") !== null;

// Looks when the service says that something changed; the browser itself connects again.
function listen(address, dress) {
  const source = new EventSource(address);
  let due = null;
  const soon = () => {
    due ??= setTimeout(async () => {
      due = null;
      try {
        await look(dress);
        tell(isMoving() ? "live" : "");
      } catch {
        tell("connection lost; trying again");
        setTimeout(soon, AGAIN_MS);
      }
    }, SOON_MS);
  };
  for (const name of ["job", "jobs"]) source.addEventListener(name, soon);
  source.addEventListener("end", () => { source.close(); soon(); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) poll(dress);
    else tell("connection lost; trying again");
  });
}

// Asks again as long as something on the page says that it still changes; waits longer on failure.
function poll(dress) {
  let wait = AGAIN_MS;
  async function next() {
    if (!isMoving()) { tell(""); return; }
    if (document.hidden) { setTimeout(next, AGAIN_MS); return; }
    try {
      await look(dress);
      wait = AGAIN_MS;
      tell(isMoving() ? "live" : "");
    } catch {
      wait = Math.min(wait * 2, MOST_MS);
      tell(`connection lost; trying again every ${Math.round(wait / 1000)} s`);
    }
    setTimeout(next, wait);
  }
  setTimeout(next, AGAIN_MS);
}

export function follow(dress) {
  if (!isMoving()) return;
  const { events } = document.querySelector("[data-events]")?.dataset ?? {};
  if (events) listen(events, dress);
  else poll(dress);
}

// What every page does once the script is there: theme, copies, times, keys. Nothing needs it.
import { follow } from "./live.js";
import { openBeside } from "./cases.js";
import { offerFiles } from "./files.js";
import { walk } from "./keys.js";

const root = document.documentElement;

function isDark() {
  return root.dataset.theme === "dark" || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
  });
}

async function copy(button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy it from the hint over this button";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

document.addEventListener("change", (event) => {
  if (event.target.closest("[data-submit]")) event.target.form.requestSubmit();
});

function dress(part) {
  for (const button of part.querySelectorAll("[data-copy], [data-file]")) button.hidden = false;
}

dress(document);
follow(dress);
openBeside(dress);
offerFiles();
walk();

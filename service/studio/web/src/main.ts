// The studio: which page is shown, messages, the key. The address after `#` says which, so that it can be shared.

import "./style.css";
import { ApiError, key } from "./api";
import { h, refill } from "./dom";
import { listPage, matrixPage } from "./jobs_page";
import { NewJob } from "./new_job";
import { resultPage, type Page, type Shell } from "./result_page";

const messages = h("div", { class: "messages" });
const main = h("main", { id: "main" });
const keyField = h("input", { id: "key", type: "password", autocomplete: "off", value: key.get(), placeholder: "mr_live_…" });
const keyForm = h(
  "form",
  {
    class: "key",
    hidden: !key.get(),
    onsubmit: (event: Event) => {
      event.preventDefault();
      key.set(keyField.value.trim());
      keyForm.hidden = !key.get();
      route();
    },
  },
  h("label", { for: "key" }, "Key"),
  keyField,
  h("button", {}, "Use"),
);
let page: Page | null = null;

const shell: Shell = {
  open: (path) => void (location.hash = `#/${path}`),
  tell: (message) => say(message, "status"),
  fail: (error) => {
    if (error instanceof ApiError && error.status === 401) keyForm.hidden = false;
    const code = error instanceof ApiError ? `${error.code}: ` : "";
    say(code + (error instanceof Error ? error.message : String(error)), "alert");
  },
};

function say(message: string, role: "status" | "alert"): void {
  const close = h("button", { "aria-label": "close", onclick: () => note.remove() }, "×");
  const note: HTMLElement = h("div", { role, class: `message ${role}` }, message, close);
  refill(messages, note);
}

function pageOf(path: string): Page {
  const [noun, id, , other] = path.split("/");
  if (noun === "job" && id) return resultPage(id, other ?? "", shell);
  if (noun === "jobs") return listPage(shell);
  if (noun === "matrix") return matrixPage(shell);
  const posted = (jobs: { id: string }[]) => shell.open(jobs.length === 1 ? `job/${jobs[0]!.id}` : "matrix");
  return { element: new NewJob({ posted, fail: shell.fail }).element };
}

function route(): void {
  page?.leave?.();
  messages.replaceChildren();
  const path = location.hash.replace(/^#\//, "");
  page = pageOf(path);
  refill(main, page.element);
  for (const link of document.querySelectorAll("nav a"))
    link.toggleAttribute("aria-current", link.getAttribute("href") === `#/${path.split("/")[0]}`);
}

const dark = h("button", { onclick: () => document.documentElement.classList.toggle("light") }, "Light or dark");
refill(
  document.getElementById("app")!,
  h("a", { class: "skip", href: "#main", onclick: (event: Event) => (event.preventDefault(), main.focus()) }, "To the content"),
  h(
    "header",
    {},
    h("strong", {}, "Retargeting studio"),
    h("nav", { "aria-label": "pages" }, h("a", { href: "#/" }, "New"), h("a", { href: "#/jobs" }, "Jobs"), h("a", { href: "#/matrix" }, "Matrix")),
    keyForm,
    h("a", { href: "/docs" }, "API"),
    dark,
  ),
  messages,
  main,
);
main.tabIndex = -1;
window.addEventListener("hashchange", route);
window.addEventListener("keydown", (event) => page?.onKey?.(event));
if (matchMedia("(prefers-color-scheme: light)").matches) document.documentElement.classList.add("light");
route();

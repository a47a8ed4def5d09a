// All jobs: as a list with thumbnails, and as a matrix of motions and characters coloured by verdict, worst first.

import * as api from "./api";
import { h, refill } from "./dom";
import { verdictBadge } from "./report_view";
import type { Page, Shell } from "./result_page";

const LIST_LIMIT = 100;
const MATRIX_LIMIT = 1000;
const REFRESH_MS = 3000;
const STATES = ["", "queued", "running", "succeeded", "failed", "canceled", "expired"];
const BADNESS: Record<string, number> = { failed: 4, fail: 3, review: 2, expired: 1, canceled: 1 };

export function listPage(shell: Shell): Page {
  const rows = h("ul", { class: "jobs" });
  const marked = new Set<string>();
  const compare = h("button", { disabled: true, onclick: () => shell.open(`job/${[...marked].join("/with/")}`) }, "Compare two");
  const choose = h("select", { "aria-label": "state", onchange: () => void draw() }, ...STATES.map((state) => h("option", { value: state }, state || "all states")));
  const pictures = new Map<string, string>(); // job id -> address of its thumbnail, kept while the page is open
  const draw = async () => {
    try {
      const found = await api.jobs(LIST_LIMIT, choose.value);
      refill(rows, ...found.map((job) => row(job)), !found.length && h("li", { class: "dim" }, "No jobs yet."));
      await Promise.all(found.map((job) => thumbnail(job, pictures)));
    } catch (error) {
      shell.fail(error);
    }
  };
  const row = (job: api.Job) => {
    const box = h("input", {
      type: "checkbox",
      "aria-label": "compare",
      checked: marked.has(job.id),
      disabled: job.status !== "succeeded",
      onchange: () => {
        if (box.checked) marked.add(job.id);
        else marked.delete(job.id);
        compare.disabled = marked.size !== 2;
      },
    });
    return h(
      "li",
      { "data-job": job.id },
      box,
      h("img", { alt: "", width: 160, height: 64, src: pictures.get(job.id) ?? null, hidden: !pictures.has(job.id) }),
      h("a", { href: `#/job/${job.id}` }, `${api.nameOf(job.input.motion)} on ${api.nameOf(job.input.character)}`),
      outcome(job),
      h("time", { datetime: job.created_at, class: "dim" }, new Date(job.created_at).toLocaleString()),
      job.error && h("span", { class: "reason" }, job.error.detail),
    );
  };
  const thumbnail = async (job: api.Job, known: Map<string, string>) => {
    const sheet = api.artifactOf(job, "sheet.png");
    if (!sheet) return;
    if (!known.has(job.id)) known.set(job.id, URL.createObjectURL(new Blob([await api.bytes(sheet.url)], { type: sheet.media_type })));
    const image = rows.querySelector<HTMLImageElement>(`[data-job="${job.id}"] img`);
    if (image) Object.assign(image, { src: known.get(job.id), hidden: false });
  };
  void draw();
  const element = h("section", { "aria-label": "jobs" }, h("div", { class: "row" }, h("h1", {}, "Jobs"), choose, compare, h("button", { onclick: () => void draw() }, "Refresh")), rows);
  return { element, leave: () => pictures.forEach((address) => URL.revokeObjectURL(address)) };
}

function outcome(job: api.Job): HTMLElement {
  const verdict = job.result?.verdict;
  if (verdict) return verdictBadge(verdict);
  return h("span", { class: `badge ${job.status === "failed" ? "fail" : "none"}` }, job.status);
}

export function matrixPage(shell: Shell): Page {
  const table = h("div", { class: "matrix", tabindex: 0, role: "region", "aria-label": "matrix" });
  const counts = h("p", { role: "status" });
  let timer = 0;
  const draw = async () => {
    try {
      const found = await api.jobs(MATRIX_LIMIT);
      refill(table, matrix(found));
      counts.textContent = summary(found);
      if (found.some((job) => !api.isFinal(job))) timer = window.setTimeout(() => void draw(), REFRESH_MS);
    } catch (error) {
      shell.fail(error);
    }
  };
  void draw();
  return { element: h("section", {}, h("h1", {}, "Matrix"), counts, table), leave: () => clearTimeout(timer) };
}

function summary(jobs: api.Job[]): string {
  const count = new Map<string, number>();
  for (const job of jobs) {
    const word = job.result?.verdict ?? job.status;
    count.set(word, (count.get(word) ?? 0) + 1);
  }
  return [...count].map(([word, number]) => `${number} ${word}`).join(", ") || "No jobs yet.";
}

const badness = (job: api.Job): number => BADNESS[job.result?.verdict ?? job.status] ?? 0;

/** Rows are motions, columns characters, those with the worst results first; a pair shows its newest job. */
export function matrix(jobs: api.Job[]): HTMLElement {
  const cells = new Map<string, Map<string, api.Job>>();
  const bad = { motion: new Map<string, number>(), character: new Map<string, number>() };
  for (const job of jobs) {
    const [motion, character] = [api.nameOf(job.input.motion), api.nameOf(job.input.character)];
    const row = cells.get(motion) ?? new Map<string, api.Job>();
    cells.set(motion, row);
    if (row.has(character)) continue; // jobs come newest first
    row.set(character, job);
    bad.motion.set(motion, (bad.motion.get(motion) ?? 0) + badness(job));
    bad.character.set(character, (bad.character.get(character) ?? 0) + badness(job));
  }
  const worst = (sums: Map<string, number>) => [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([name]) => name);
  const characters = worst(bad.character);
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, h("th", {}, "motion"), ...characters.map((name) => h("th", { scope: "col" }, name)))),
    h(
      "tbody",
      {},
      ...worst(bad.motion).map((motion) =>
        h("tr", {}, h("th", { scope: "row" }, motion), ...characters.map((character) => cell(cells.get(motion)?.get(character)))),
      ),
    ),
  );
}

function cell(job: api.Job | undefined): HTMLElement {
  if (!job) return h("td", { class: "none" });
  const word = job.result?.verdict ?? job.status;
  const colour = job.result?.verdict ?? (job.status === "failed" ? "fail" : "none");
  return h("td", { class: colour }, h("a", { href: `#/job/${job.id}`, title: job.error?.detail ?? word }, word));
}

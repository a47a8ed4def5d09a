// A report as a person reads it: the verdict with what decided it, words, scores beside the naive copy, warnings.

import { download, type Artifact, type Job, type Report } from "./api";
import { h, seconds, shown, words } from "./dom";
import type { Moment } from "./timeline";

const FIRST_SCORES = [
  "semantic_similarity", "relation_error", "penetration_pct", "penetration_max_cm", "contact_error", "contact_recall",
  "foot_skate_ratio", "foot_float_cm", "ground_penetration_cm", "limb_direction_error_deg", "jerk_ratio",
];

export const verdictBadge = (verdict: string | null | undefined): HTMLElement =>
  h("span", { class: `badge ${verdict ?? "none"}` }, verdict ?? "no verdict");

/** The moments that are worst, as the report tells them. */
export function moments(report: Report): Moment[] {
  const found = (report.semantics?.worst_moments ?? []) as { time_s: number; reason?: string | null }[];
  return found.map((moment) => ({ time_s: moment.time_s, words: moment.reason || "differs most from the source here" }));
}

export function reportView(job: Job, report: Report, onJump: (seconds: number) => void): HTMLElement {
  return h(
    "section",
    { class: "report", "aria-label": "report" },
    h("h2", {}, "Result ", verdictBadge(report.verdict?.verdict)),
    decidedBy(report),
    ...meaning(report),
    momentList(report, onJump),
    scoreTable(report),
    warnings(report),
    downloads(job),
  );
}

function decidedBy(report: Report): HTMLElement {
  const rows = ((report.verdict?.rows ?? []) as any[]).filter((row) => row.outcome !== "pass" && row.value !== null);
  if (!rows.length) return h("p", {}, "Every measured score is within its limits.");
  return h(
    "ul",
    { class: "decided" },
    ...rows.map((row) => {
      const limit = row.outcome === "fail" ? row.limit_fail : row.limit_review;
      return h(
        "li",
        {},
        verdictBadge(row.outcome),
        ` ${words(row.score)} is ${shown(row.value)}, ${row.worse} ${shown(limit)}: ${row.meaning}`,
      );
    }),
  );
}

function meaning(report: Report): HTMLElement[] {
  const told = report.semantics?.description;
  return told ? [h("p", { class: "told" }, "It shows: ", String(told))] : [];
}

function momentList(report: Report, onJump: (seconds: number) => void): HTMLElement {
  const list = moments(report);
  if (!list.length) return h("p", { class: "dim" }, "No moment stands out.");
  const items = list.map((moment) =>
    h("li", {}, h("button", { class: "link", onclick: () => onJump(moment.time_s) }, seconds(moment.time_s)), ` ${moment.words}`),
  );
  return h("div", {}, h("h3", {}, "Look here first"), h("ul", { class: "moments" }, ...items));
}

function scoreTable(report: Report): HTMLElement {
  const result = (report.scores ?? {}) as Record<string, unknown>;
  const naive = (report.scores_naive_copy ?? {}) as Record<string, unknown>;
  const before = report.scores_before_refinement as Record<string, unknown> | null;
  const row = (name: string) =>
    h(
      "tr",
      { title: report.not_applicable?.[name] ?? null },
      h("th", { scope: "row" }, words(name)),
      h("td", {}, shown(result[name])),
      before && h("td", {}, shown(before[name])),
      h("td", {}, shown(naive[name])),
    );
  const table = (names: string[]) =>
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h("tr", {}, h("th", {}, "score"), h("th", {}, "result"), before && h("th", {}, "before"), h("th", {}, "naive copy")),
      ),
      h("tbody", {}, ...names.map(row)),
    );
  const rest = Object.keys(result).filter((name) => !FIRST_SCORES.includes(name));
  return h(
    "div",
    { class: "scores" },
    h("h3", {}, "Scores"),
    table(FIRST_SCORES.filter((name) => name in result)),
    h("details", {}, h("summary", {}, `all ${rest.length} others`), table(rest)),
  );
}

function warnings(report: Report): HTMLElement | null {
  const list = (report.warnings ?? []) as { code: string; message: string }[];
  if (!list.length) return null;
  return h(
    "details",
    { class: "warnings" },
    h("summary", {}, `${list.length} warning${list.length > 1 ? "s" : ""}`),
    h("ul", {}, ...list.map((warning) => h("li", {}, h("code", {}, warning.code), ` ${warning.message}`))),
  );
}

function downloads(job: Job): HTMLElement {
  const size = (artifact: Artifact) => `${(artifact.bytes / 1e6).toFixed(2)} MB`;
  const buttons = (job.result?.artifacts ?? []).map((artifact) =>
    h("button", { onclick: () => void download(artifact), "data-artifact": artifact.name }, `${artifact.name} (${size(artifact)})`),
  );
  return h("div", { class: "downloads" }, h("h3", {}, "Download"), ...buttons);
}

// One job: its progress while it runs, its reason where it failed, else scene, timeline, report and mapping.

import * as api from "./api";
import { addResult, jointName, readBodies, type BodyView } from "./bodies";
import { controls } from "./controls";
import { h, refill } from "./dom";
import { MappingView, type Corrections } from "./mapping_view";
import { Player } from "./player";
import { moments, reportView } from "./report_view";
import { Stage } from "./stage";
import { Timeline } from "./timeline";

export interface Page {
  element: HTMLElement;
  onKey?(event: KeyboardEvent): void;
  leave?(): void;
}

export interface Shell {
  open(path: string): void;
  tell(message: string): void;
  fail(error: unknown): void;
}

/** The page of a job; `other` is the id of a second job whose result is shown beside, or empty. */
export function resultPage(id: string, other: string, shell: Shell): Page {
  const element = h("section", { class: "result" });
  const leaving = new AbortController();
  let opened: Opened | null = null;
  const stop = () => {
    leaving.abort();
    opened?.leave();
  };
  const run = async () => {
    const job = await api.follow(id, (now) => refill(element, progress(now, shell)), leaving.signal);
    if (leaving.signal.aborted) return;
    if (job.status !== "succeeded") return refill(element, ended(job, shell));
    opened = await open(job, other, element, shell);
    if (leaving.signal.aborted) opened.leave();
  };
  run().catch((error) => leaving.signal.aborted || shell.fail(error));
  return { element, onKey: (event) => opened?.onKey(event), leave: stop };
}

const title = (job: api.Job): string => `${api.nameOf(job.input.motion)} on ${api.nameOf(job.input.character)}`;

function progress(job: api.Job, shell: Shell): HTMLElement {
  const waits = job.queue_position ? `, ${job.queue_position} before it` : "";
  const eta = job.eta_s === null ? "" : `, about ${Math.ceil(job.eta_s)} s left`;
  return h(
    "div",
    { class: "progress" },
    h("h1", {}, title(job)),
    h("p", { role: "status" }, `${job.status}${job.stage ? `: ${job.stage}` : ""}${waits}${eta}`),
    h("progress", { max: 1, value: job.progress, "aria-label": "progress" }),
    job.retry_reason && h("p", {}, `It waits: ${job.retry_reason}`),
    h("div", { class: "row" }, h("button", { onclick: () => void api.cancel(job.id).catch(shell.fail) }, "Cancel")),
  );
}

/** A job without a result: the reason, and what can be done. */
function ended(job: api.Job, shell: Shell): HTMLElement {
  const again = () =>
    api.retry(job.id).then(
      (next) => shell.open(`job/${next.id}`),
      (error) => shell.fail(error),
    );
  return h(
    "div",
    { class: "progress" },
    h("h1", {}, title(job)),
    h("p", {}, h("span", { class: "badge fail" }, job.status)),
    job.error && h("p", { role: "alert", class: "reason" }, h("code", {}, job.error.code), ` ${job.error.detail}`),
    job.error &&
      h("p", {}, h("a", { href: `/problems/${job.error.code}`, target: "_blank", rel: "noopener" }, "what this code means")),
    h("div", { class: "row" }, h("button", { onclick: () => void again() }, "Try again"), h("a", { href: "#/" }, "Another file")),
  );
}

interface Opened {
  onKey(event: KeyboardEvent): void;
  leave(): void;
}

async function open(job: api.Job, other: string, element: HTMLElement, shell: Shell): Promise<Opened> {
  const report = await api.report(job.id);
  const scene = api.artifactOf(job, "scene.glb");
  if (!scene) {
    const why = "This job was made without the option “scene”, so there is nothing to play; run it again from here to see it move.";
    refill(element, h("h1", {}, title(job)), h("p", {}, why), rerunButton(job, shell), reportView(job, report, () => {}));
    return { onKey: () => {}, leave: () => {} };
  }
  const bodies = await readBodies(await api.bytes(scene.url), scene.name);
  if (other) {
    const second = api.artifactOf(await api.job(other), "scene.glb");
    if (second) addResult(bodies, await readBodies(await api.bytes(second.url), second.name), "other result");
    else shell.tell("The other job has no scene; it was made without the option “scene”.");
  }
  const stage = new Stage();
  const player = new Player();
  const timeline = new Timeline((seconds) => (player.pause(), player.seek(seconds)));
  stage.show(bodies);
  const bar = controls(stage, player);
  player.onTime((seconds) => (stage.setTime(seconds), timeline.setTime(seconds)));
  const joints = {
    source: names(bodies.list.find((body) => body.name === "source")),
    target: names(bodies.list.find((body) => body.name === "result")),
  };
  const given = job.options.mapping as Partial<Corrections> | undefined;
  const mapping = new MappingView(report, joints, given, {
    mark: (side, joint) => stage.selectNamed(side === "source" ? "source" : "result", joint),
    rerun: (corrections) => void rerun(job, corrections, shell),
    tell: shell.tell,
    fail: shell.fail,
  });
  stage.onPick = (picked) => mapping.take(picked);
  const jump = (seconds: number) => (player.pause(), player.seek(seconds));
  refill(
    element,
    h("h1", {}, title(job)),
    h(
      "div",
      { class: "workspace" },
      h("div", { class: "viewer" }, stage.element, bar.element, timeline.element),
      h("div", { class: "side" }, reportView(job, report, jump), mapping.element),
    ),
  );
  timeline.load(bodies.durationS, report.timeline, report.timeline_naive_copy ?? null, moments(report));
  player.load(bodies.durationS, (report.source?.fps as number) ?? 30);
  stage.look("front");
  player.play();
  document.documentElement.dataset.firstMotionMs = String(Math.round(performance.now()));
  return {
    onKey: bar.onKey,
    leave: () => {
      player.pause();
      timeline.dispose();
      stage.dispose();
    },
  };
}

const names = (body: BodyView | undefined): string[] => (body?.bones ?? []).map(jointName).filter(Boolean);

function rerunButton(job: api.Job, shell: Shell): HTMLElement {
  const mapping = (job.options.mapping ?? {}) as Corrections;
  return h("button", { class: "primary", onclick: () => void rerun(job, mapping, shell) }, "Run again with a scene");
}

/** The same files and options with another mapping, as a new job that is shown beside nothing. */
async function rerun(job: api.Job, mapping: Partial<Corrections>, shell: Shell): Promise<void> {
  const { motion, character } = job.input.assets;
  if (!motion || !character) return shell.fail(new Error("the files of this job were not stored; choose them again under “New”"));
  try {
    const chosen = Object.fromEntries(Object.entries(job.options).filter(([, value]) => value !== null));
    const kept = (job.options.mapping ?? {}) as Record<string, unknown>;
    const made = await api.post(motion, character, { ...chosen, scene: true, mapping: { ...kept, ...mapping } });
    shell.open(`job/${made.id}`);
  } catch (error) {
    shell.fail(error);
  }
}

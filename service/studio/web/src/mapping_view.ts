// The joint mapping of source and character as tables: confidence, reason, and a choice to correct it and run again.

import { savePreset, type Report } from "./api";
import { jointName } from "./bodies";
import { h, refill, words } from "./dom";
import type { Picked } from "./stage";

type Side = "source" | "target";
interface Found { joint: string; index: number; confidence: number; reason: string }
export type Corrections = Record<Side, Record<string, string | null>>;

const UNSURE = 0.8;
const NOBODY = "";
const FINGER = /Thumb|Index|Middle|Ring|Little/;

export class MappingView {
  readonly element = h("section", { class: "mapping", "aria-label": "joint mapping" });
  private side: Side = "target";
  private waiting: string | null = null;
  private changed: Corrections;

  constructor(
    private readonly report: Report,
    private readonly joints: Record<Side, string[]>,
    given: Partial<Corrections> | undefined,
    private readonly on: {
      mark(side: Side, joint: string): void;
      rerun(corrections: Corrections): void;
      tell(message: string): void;
      fail(error: unknown): void;
    },
  ) {
    this.changed = { source: { ...given?.source }, target: { ...given?.target } };
    this.draw();
  }

  /** A joint picked in the scene: it goes to the role that waits for one, else its role is shown. */
  take({ body, bone }: Picked): void {
    const side: Side = body.name === "source" ? "source" : "target";
    const joint = jointName(bone);
    if (this.waiting !== null && side === this.side) {
      this.choose(this.waiting, joint);
      this.waiting = null;
    } else {
      this.side = side;
      this.on.tell(`${joint}: ${words(this.roleOf(side, joint) ?? "has no role")}`);
    }
    this.draw();
  }

  private roleOf(side: Side, joint: string): string | undefined {
    return Object.entries(this.roles(side)).find(([role, found]) => this.jointOf(side, role, found) === joint)?.[0];
  }

  private roles(side: Side): Record<string, Found | null> {
    return (this.report.mapping?.[side]?.roles ?? {}) as Record<string, Found | null>;
  }

  private jointOf(side: Side, role: string, found: Found | null): string {
    const chosen = this.changed[side][role];
    return chosen === undefined ? (found?.joint ?? NOBODY) : (chosen ?? NOBODY);
  }

  private choose(role: string, joint: string): void {
    const found = this.roles(this.side)[role]?.joint ?? NOBODY;
    if (joint === found) delete this.changed[this.side][role];
    else this.changed[this.side][role] = joint || null;
  }

  private draw(): void {
    const roles = Object.entries(this.roles(this.side));
    const count = Object.keys(this.changed.source).length + Object.keys(this.changed.target).length;
    const tab = (side: Side, title: string) =>
      h(
        "button",
        { role: "tab", "aria-selected": this.side === side, onclick: () => ((this.side = side), this.draw()) },
        title,
      );
    refill(
      this.element,
      h("h2", {}, "Joint mapping"),
      h("p", { class: "dim" }, "Choose another joint for a role, or press “pick” and click the joint in the scene."),
      h("div", { role: "tablist", class: "tabs" }, tab("source", "source"), tab("target", "character")),
      this.table(roles.filter(([role]) => !FINGER.test(role))),
      h(
        "details",
        {},
        h("summary", {}, "fingers"),
        this.table(roles.filter(([role]) => FINGER.test(role))),
      ),
      h(
        "div",
        { class: "row" },
        h("button", { class: "primary", disabled: !count, onclick: () => this.on.rerun(this.changed) }, count ? `Run again with ${count} change${count > 1 ? "s" : ""}` : "Run again"),
        h("button", { onclick: () => void this.save() }, "Save as preset"),
      ),
    );
  }

  private table(roles: [string, Found | null][]): HTMLElement {
    return h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...["role", "joint", "sure", ""].map((title) => h("th", {}, title)))),
      h("tbody", {}, ...roles.map(([role, found]) => this.row(role, found))),
    );
  }

  private row(role: string, found: Found | null): HTMLElement {
    const joint = this.jointOf(this.side, role, found);
    const names = [...new Set([joint, ...this.joints[this.side]])].filter((name) => name !== NOBODY).sort();
    const choice = h(
      "select",
      { "aria-label": `joint of ${words(role)}`, "data-role": role, onchange: (event: Event) => (this.choose(role, (event.target as HTMLSelectElement).value), this.draw()) },
      h("option", { value: NOBODY, selected: joint === NOBODY }, "none"),
      ...names.map((name) => h("option", { value: name, selected: name === joint }, name)),
    );
    const corrected = role in this.changed[this.side];
    const sure = corrected ? "yours" : found ? found.confidence.toFixed(2) : "–";
    return h(
      "tr",
      { class: corrected ? "changed" : found && found.confidence < UNSURE ? "unsure" : null, title: found?.reason ?? null },
      h("th", { scope: "row" }, h("button", { class: "link", onclick: () => this.on.mark(this.side, joint) }, role)),
      h("td", {}, choice),
      h("td", {}, sure),
      h(
        "td",
        {},
        h("button", { "aria-pressed": this.waiting === role, onclick: () => ((this.waiting = role), this.draw()) }, "pick"),
      ),
    );
  }

  private async save(): Promise<void> {
    const fingerprint = this.report[this.side]?.skeleton_fingerprint as string;
    const mapping: Record<string, string | null> = {};
    for (const [role, found] of Object.entries(this.roles(this.side))) mapping[role] = this.jointOf(this.side, role, found) || null;
    try {
      await savePreset(`studio ${new Date().toISOString().slice(0, 16)}`, fingerprint, mapping);
      this.on.tell("Saved: every file with this skeleton uses it from now on.");
    } catch (error) {
      this.on.fail(error);
    }
  }
}

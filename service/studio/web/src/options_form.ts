// The job's options as a form, made from the service's own description of them, with their texts.

import { openapi } from "./api";
import { h, words } from "./dom";

interface Field { type?: string; enum?: unknown[]; anyOf?: Field[]; default?: unknown; description?: string; const?: unknown }

// The page decides these itself: `scene` is what it shows; a mapping is corrected in the result.
const OWN = new Set(["scene", "mapping", "seed", "fail_on"]);
const FIRST = ["refine", "root_motion", "format", "preview"];

export class OptionsForm {
  readonly element = h("div", { class: "options" }, h("p", { class: "dim" }, "options are being read …"));
  private fields: Record<string, Field> = {};

  async load(): Promise<void> {
    const schema = (await openapi()).components.schemas.JobOptions;
    this.fields = Object.fromEntries(Object.entries(schema.properties as Record<string, Field>).filter(([name]) => !OWN.has(name)));
    const names = Object.keys(this.fields);
    this.element.replaceChildren(
      ...FIRST.filter((name) => name in this.fields).map((name) => this.row(name)),
      h("details", {}, h("summary", {}, "more options"), ...names.filter((name) => !FIRST.includes(name)).map((name) => this.row(name))),
    );
  }

  /** What differs from the defaults. */
  values(): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(this.fields)) {
      const input = this.element.querySelector<HTMLInputElement | HTMLSelectElement>(`[name="${name}"]`);
      if (!input) continue;
      const value = input instanceof HTMLInputElement && input.type === "checkbox" ? input.checked : input.value;
      if (value === "" || value === field.default || String(value) === String(field.default)) continue;
      values[name] = typeof value === "string" ? typed(value, field) : value;
    }
    return values;
  }

  private row(name: string): HTMLElement {
    const field = this.fields[name]!;
    const id = `option-${name}`;
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, words(name)),
      control(name, id, field),
      h("small", { id: `${id}-help` }, field.description ?? ""),
    );
  }
}

function choices(field: Field): string[] {
  const own = field.enum ?? (field.const === undefined ? [] : [field.const]);
  return [...own.map(String), ...(field.anyOf ?? []).flatMap(choices)];
}

const kinds = (field: Field): string[] => [field.type ?? "", ...(field.anyOf ?? []).flatMap(kinds)];

function control(name: string, id: string, field: Field): HTMLElement {
  const shared = { name, id, "aria-describedby": `${id}-help` };
  const wordsOf = choices(field);
  const free = kinds(field).some((kind) => kind === "number" || kind === "integer") || (kinds(field).includes("string") && !wordsOf.length);
  if (field.type === "boolean") return h("input", { ...shared, type: "checkbox", checked: field.default === true });
  const given = field.default === null || field.default === undefined ? "" : String(field.default);
  if (wordsOf.length && !free) {
    const all = given ? wordsOf : ["", ...wordsOf];
    return h("select", shared, ...all.map((word) => h("option", { value: word, selected: word === given }, word || "not set")));
  }
  const list = wordsOf.length ? h("datalist", { id: `${id}-list` }, ...wordsOf.map((word) => h("option", { value: word }))) : null;
  return h("span", {}, h("input", { ...shared, type: "text", value: given, list: list ? `${id}-list` : null }), list);
}

function typed(value: string, field: Field): string | number {
  const number = Number(value);
  const isNumber = kinds(field).some((kind) => kind === "number" || kind === "integer");
  return isNumber && value.trim() !== "" && Number.isFinite(number) ? number : value;
}

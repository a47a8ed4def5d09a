// Small helpers that make elements; texts are always texts, never markup.

type Child = Node | string | null | undefined | false;
type Listener = (event: any) => void;
type Attributes = Record<string, string | number | boolean | null | undefined | Listener>;

/** An element: functions become listeners (`onclick`), true an empty attribute, false and null nothing. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  }
  put(element, ...children);
  return element;
}

export function put(parent: Element, ...children: Child[]): void {
  for (const child of children) if (child || child === "") parent.append(child);
}

export function refill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  put(parent, ...children);
}

/** A number as people read it: four figures, no tail of zeros; a dash for what is absent. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  if (typeof value === "object") {
    const fields = value as Record<string, unknown>;
    return shown(fields.calibrated ?? fields.raw ?? null);
  }
  return String(value);
}

/** A key of the report as words: `foot_skate_ratio` -> `foot skate ratio`. */
export const words = (name: string): string => name.replaceAll("_", " ");

export const seconds = (value: number): string => `${value.toFixed(2)} s`;

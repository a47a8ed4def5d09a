// Curves of the scores along the clip, result above naive copy; click or drag to go there. Canvas, redrawn when asked.

import { h, shown } from "./dom";

type Series = (number | null)[] | null | undefined;
export interface Track { step_s: number; [row: string]: unknown }
export interface Moment { time_s: number; words: string }

interface Row { key: string; title: string; unit: string; betterIsHigh: boolean }
const ROWS: Row[] = [
  { key: "semantic_similarity", title: "semantic similarity", unit: "", betterIsHigh: true },
  { key: "relation_error", title: "relation error", unit: "", betterIsHigh: false },
  { key: "penetration_pct", title: "penetration", unit: "%", betterIsHigh: false },
  { key: "foot_skate", title: "foot skate", unit: "h/s", betterIsHigh: false },
];
const ROW_PX = 44;
const GUTTER_PX = 140;

export class Timeline {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", {
    class: "curves",
    tabindex: 0,
    role: "slider",
    "aria-label": "time in the clip",
    "aria-valuemin": 0,
  });
  private readonly playhead = h("div", { class: "playhead" });
  private readonly watched: ResizeObserver;
  private rows: { row: Row; result: Series; naive: Series }[] = [];
  private durationS = 1;
  private stepS = 1;
  private moments: Moment[] = [];

  constructor(private readonly onSeek: (seconds: number) => void) {
    this.element = h("div", { class: "timeline" }, this.canvas, this.playhead);
    const seek = (event: PointerEvent) => this.onSeek(this.secondsAt(event.offsetX));
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons & 1 && seek(event));
    this.watched = new ResizeObserver(() => this.draw());
    this.watched.observe(this.element);
  }

  load(durationS: number, result: Track, naive: Track | null, moments: Moment[]): void {
    this.durationS = Math.max(durationS, 1e-6);
    this.stepS = result.step_s;
    this.rows = ROWS.map((row) => ({ row, result: result[row.key] as Series, naive: naive?.[row.key] as Series })).filter(
      ({ result }) => result?.some((value) => value !== null),
    );
    this.moments = moments;
    this.canvas.setAttribute("aria-valuemax", durationS.toFixed(2));
    this.draw();
  }

  setTime(seconds: number): void {
    const share = seconds / this.durationS;
    this.playhead.style.transform = `translateX(${GUTTER_PX + share * (this.element.clientWidth - GUTTER_PX)}px)`;
    this.canvas.setAttribute("aria-valuenow", seconds.toFixed(2));
  }

  dispose(): void {
    this.watched.disconnect();
  }

  private secondsAt(x: number): number {
    return ((x - GUTTER_PX) / Math.max(this.element.clientWidth - GUTTER_PX, 1)) * this.durationS;
  }

  private draw(): void {
    const width = this.element.clientWidth;
    if (!width) return;
    const height = Math.max(this.rows.length, 1) * ROW_PX;
    const ratio = window.devicePixelRatio;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.height = `${height}px`;
    const pen = this.canvas.getContext("2d")!;
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.element);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    pen.font = `12px ${style.fontFamily}`;
    if (!this.rows.length) {
      pen.fillStyle = colour("--dim");
      pen.fillText("this job measured nothing along its time", GUTTER_PX, 24);
      return;
    }
    this.rows.forEach(({ row, result, naive }, index) => {
      const top = index * ROW_PX;
      const values = [...(result ?? []), ...(naive ?? [])].filter((value): value is number => value !== null);
      const low = row.betterIsHigh ? Math.min(...values) : 0;
      const high = Math.max(...values, low + 1e-9);
      const y = (value: number) => top + 6 + (1 - (value - low) / (high - low)) * (ROW_PX - 12);
      pen.fillStyle = colour(index % 2 ? "--panel" : "--panel-2");
      pen.fillRect(0, top, width, ROW_PX);
      pen.fillStyle = colour("--text");
      pen.fillText(row.title, 8, top + 18);
      pen.fillStyle = colour("--dim");
      pen.fillText(`${shown(low)} to ${shown(high)} ${row.unit}`, 8, top + 34);
      this.line(pen, naive, y, colour("--copy"), 1);
      this.line(pen, result, y, colour("--result"), 1.8);
    });
    pen.fillStyle = colour("--bad");
    for (const moment of this.moments) {
      const x = GUTTER_PX + (moment.time_s / this.durationS) * (width - GUTTER_PX);
      pen.beginPath();
      pen.moveTo(x - 5, 0);
      pen.lineTo(x + 5, 0);
      pen.lineTo(x, 8);
      pen.fill();
    }
  }

  /** A stretch without a value is a gap. */
  private line(pen: CanvasRenderingContext2D, series: Series, y: (value: number) => number, colour: string, width: number): void {
    const room = this.element.clientWidth - GUTTER_PX;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    let open = false;
    series?.forEach((value, index) => {
      if (value === null) {
        open = false;
        return;
      }
      const x = GUTTER_PX + Math.min((index * this.stepS) / this.durationS, 1) * room;
      if (open) pen.lineTo(x, y(value));
      else pen.moveTo(x, y(value));
      if (!open && (series[index + 1] ?? null) === null) pen.fillRect(x - 1, y(value) - 1, 2, 2);
      open = true;
    });
    pen.stroke();
  }
}

// The bar below the scene: play, speed, time, cameras, overlays; and the keys that do the same.

import { h, seconds } from "./dom";
import type { Player } from "./player";
import { PRESETS, type Preset, type Stage } from "./stage";

const SPEEDS = [0.1, 0.25, 0.5, 1, 2];

export function controls(stage: Stage, player: Player): { element: HTMLElement; onKey(event: KeyboardEvent): void } {
  const play = h("button", { onclick: () => player.toggle(), class: "play", "aria-label": "play" }, "▶");
  const clock = h("output", { class: "clock" });
  player.onTime((now) => {
    clock.textContent = `${seconds(now)} · frame ${player.frame}`;
    play.textContent = player.playing ? "❚❚" : "▶";
    play.setAttribute("aria-label", player.playing ? "pause" : "play");
  });
  const speed = h(
    "select",
    { "aria-label": "speed", onchange: () => (player.speed = Number(speed.value)) },
    ...SPEEDS.map((value) => h("option", { value, selected: value === 1 }, `${value} ×`)),
  );
  const camera = h(
    "select",
    { "aria-label": "camera", onchange: () => stage.look(camera.value as Preset) },
    ...PRESETS.map((preset) => h("option", { value: preset }, preset)),
  );
  const toggle = (title: string, checked: boolean, act: (on: boolean) => void) => {
    const box = h("input", { type: "checkbox", checked, onchange: () => act(box.checked) });
    return h("label", { class: "toggle" }, box, title);
  };
  const element = h(
    "div",
    { class: "controls", role: "toolbar", "aria-label": "playback" },
    h("button", { "aria-label": "one frame back", onclick: () => player.step(-1) }, "‹"),
    play,
    h("button", { "aria-label": "one frame on", onclick: () => player.step(1) }, "›"),
    clock,
    speed,
    camera,
    toggle("overlay", false, (on) => (stage.arrange(on), stage.look(camera.value as Preset))),
    toggle("skeleton", false, (on) => stage.showSkeletons(on)),
    toggle("marks", true, (on) => stage.showMarks(on)),
    toggle("follow", true, (on) => stage.setFollowing(on)),
    ...stage.bodyNames().map(({ name, title }) => toggle(title, true, (on) => stage.showBody(name, on))),
  );
  return { element, onKey: (event) => onKey(event, stage, player, camera) };
}

function onKey(event: KeyboardEvent, stage: Stage, player: Player, camera: HTMLSelectElement): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA|BUTTON|SUMMARY)$/.test(target.tagName)) return;
  const preset = PRESETS[Number(event.key) - 1];
  if (event.key === " ") player.toggle();
  else if (event.key === "ArrowLeft") player.step(event.shiftKey ? -10 : -1);
  else if (event.key === "ArrowRight") player.step(event.shiftKey ? 10 : 1);
  else if (event.key === "Home") player.seek(0);
  else if (event.key === "End") player.seek(player.durationS);
  else if (preset) {
    camera.value = preset;
    stage.look(preset);
  } else return;
  event.preventDefault();
}

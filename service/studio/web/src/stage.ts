// The 3D view: bodies on a ground, cameras, overlays, labels, and picking a joint. What moves them is `player.ts`.

import * as THREE from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { arrange, dress, jointName, mark, type Bodies, type BodyView } from "./bodies";
import { h, refill } from "./dom";

export type Preset = "front" | "three-quarter" | "side" | "back" | "top";
const DIRECTIONS: Record<Preset, [number, number, number]> = {
  front: [0, 0.12, 1],
  "three-quarter": [0.7, 0.25, 0.75],
  side: [1, 0.1, 0.02],
  back: [0, 0.12, -1],
  top: [0, 1, 0.001],
};
export const PRESETS = Object.keys(DIRECTIONS) as Preset[];
const PICK_PIXELS = 14;
// Where pictures take longer than this, shadows go, then resolution: not every machine draws with a GPU.
/** Whether the browser draws on the processor, where four samples a pixel cost four times as much. */
function drawsInSoftware(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  const told = context?.getExtension("WEBGL_debug_renderer_info");
  const name = told ? String(context?.getParameter(told.UNMASKED_RENDERER_WEBGL)) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}

const IN_SOFTWARE = drawsInSoftware();
const FULL_RATIO = Math.min(window.devicePixelRatio, 2);
const LEAST_RATIO = 0.5;
const REST_MS = 250; // without a picture, until one is drawn in full
const SLOW_MS = 45;
const SLOW_PICTURES = 6; // in a row

export interface Picked {
  body: BodyView;
  bone: THREE.Bone;
}

const GROUND_M = 60;
const CELL_M = 0.5;

function flat(material: THREE.Material): THREE.Mesh {
  const ground = new THREE.Mesh(new THREE.PlaneGeometry(GROUND_M, GROUND_M), material);
  ground.rotation.x = -Math.PI / 2;
  return ground;
}

/** Lines every `CELL_M`, as a picture: lines of three's grid that pass behind the camera are not drawn everywhere. */
function gridTexture(): THREE.Texture {
  const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 128 });
  const pen = canvas.getContext("2d")!;
  pen.strokeStyle = "rgba(130, 140, 155, 0.75)";
  pen.lineWidth = 2;
  pen.strokeRect(0, 0, 128, 128);
  const texture = new THREE.CanvasTexture(canvas);
  texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
  texture.repeat.set(GROUND_M / CELL_M, GROUND_M / CELL_M);
  texture.anisotropy = 8;
  return texture;
}

export class Stage {
  readonly element = h("div", { class: "stage", tabindex: 0, role: "application", "aria-label": "moving bodies; arrow keys step, space plays" });
  onPick: ((picked: Picked) => void) | null = null;
  private readonly renderer = new THREE.WebGLRenderer({ antialias: !IN_SOFTWARE, alpha: true });
  private readonly scene = new THREE.Scene();
  private readonly camera = new THREE.PerspectiveCamera(32, 1, 0.01, 500);
  private readonly controls: OrbitControls;
  private readonly labels = h("div", { class: "labels", "aria-hidden": "true" });
  private readonly marker: THREE.Mesh;
  private readonly watched: ResizeObserver;
  private bodies: Bodies | null = null;
  private picked: THREE.Bone | null = null;
  private followed = new THREE.Vector3();
  private follows = true;
  private marked = true;
  private drawn = false;
  private slow = 0;
  private movingRatio = FULL_RATIO;
  private resting = 0;
  private drawnAt = 0;
  private preset: Preset | null = "front"; // null once the camera was moved by hand

  constructor() {
    this.element.append(this.renderer.domElement, this.labels);
    this.renderer.shadowMap.enabled = !IN_SOFTWARE;
    if (IN_SOFTWARE) this.movingRatio = LEAST_RATIO;
    this.renderer.setPixelRatio(FULL_RATIO);
    this.controls = new OrbitControls(this.camera, this.renderer.domElement);
    this.controls.addEventListener("change", () => this.draw());
    this.controls.addEventListener("start", () => (this.preset = null));
    this.marker = new THREE.Mesh(
      new THREE.SphereGeometry(0.025, 16, 12),
      new THREE.MeshBasicMaterial({ color: 0xff4d6d, depthTest: false, transparent: true }),
    );
    this.marker.visible = false;
    this.marker.renderOrder = 10; // over the bodies
    this.furnish();
    this.renderer.domElement.addEventListener("click", (event) => this.pick(event));
    this.watched = new ResizeObserver(() => this.resize());
    this.watched.observe(this.element);
  }

  private furnish(): void {
    const sun = new THREE.DirectionalLight(0xffffff, 2.2);
    sun.position.set(2, 5, 4);
    sun.castShadow = true;
    sun.shadow.mapSize.set(1024, 1024);
    Object.assign(sun.shadow.camera, { left: -6, right: 6, top: 6, bottom: -6 });
    const shadow = flat(new THREE.ShadowMaterial({ opacity: 0.3 }));
    shadow.receiveShadow = true;
    const grid = flat(new THREE.MeshBasicMaterial({ map: gridTexture(), transparent: true, depthWrite: false }));
    grid.position.y = -0.002;
    this.scene.add(new THREE.HemisphereLight(0xffffff, 0x556070, 1.6), sun, shadow, grid, this.marker);
  }

  show(bodies: Bodies): void {
    this.clear();
    this.bodies = bodies;
    this.scene.add(bodies.group);
    refill(this.labels, ...bodies.list.map((body) => h("span", { class: `label ${body.name}` }, body.title)));
    this.arrange(false);
    this.look("front");
  }

  /** Takes the bodies away and frees what they hold on the GPU. */
  clear(): void {
    if (!this.bodies) return;
    this.scene.remove(this.bodies.group);
    this.bodies.dispose();
    this.bodies = null;
    this.select(null);
  }

  dispose(): void {
    this.clear();
    this.watched.disconnect();
    window.clearTimeout(this.resting);
    this.controls.dispose();
    this.renderer.dispose();
  }

  arrange(overlaid: boolean): void {
    if (this.bodies) arrange(this.bodies, overlaid);
    this.element.classList.toggle("overlaid", overlaid);
    this.setTime(this.time);
  }

  time = 0;

  setTime(seconds: number): void {
    this.time = seconds;
    if (!this.bodies) return;
    this.bodies.setTime(seconds);
    for (const body of this.bodies.list) mark(body, seconds, this.marked);
    this.bodies.group.updateMatrixWorld(true);
    const middle = this.middle();
    if (this.follows) {
      const moved = middle.clone().sub(this.followed).setY(0);
      this.camera.position.add(moved);
      this.controls.target.add(moved);
    }
    this.followed.copy(middle);
    this.draw();
  }

  setFollowing(follows: boolean): void {
    this.follows = follows;
  }

  /** Whether parts that touch or are inside the body are coloured. */
  showMarks(shown: boolean): void {
    this.marked = shown;
    this.setTime(this.time);
  }

  look(preset: Preset): void {
    this.preset = preset;
    if (!this.bodies) return;
    const tallest = Math.max(...this.bodies.list.map((body) => body.heightM));
    const wide = this.element.classList.contains("overlaid") ? tallest : tallest * this.bodies.list.length;
    const half = Math.tan(THREE.MathUtils.degToRad(this.camera.fov) / 2);
    const distance = Math.max(tallest * 0.62, (wide * 0.52) / Math.max(this.camera.aspect, 0.2)) / half;
    this.bodies.group.updateMatrixWorld(true);
    const middle = this.middle();
    this.controls.target.set(middle.x, tallest * 0.48, middle.z);
    this.camera.position.copy(this.controls.target).addScaledVector(new THREE.Vector3(...DIRECTIONS[preset]).normalize(), distance);
    this.followed.copy(middle);
    this.controls.update();
    this.draw();
  }

  showSkeletons(visible: boolean): void {
    for (const body of this.bodies?.list ?? []) {
      body.skeleton.visible = visible;
      dress(body);
    }
    this.draw();
  }

  showBody(name: string, visible: boolean): void {
    this.bodies?.list.forEach((body, index) => {
      if (body.name !== name) return;
      body.root.visible = visible;
      (this.labels.children[index] as HTMLElement).hidden = !visible;
    });
    this.draw();
  }

  bodyNames(): { name: string; title: string }[] {
    return this.bodies?.list.map(({ name, title }) => ({ name, title })) ?? [];
  }

  /** Marks a joint by its name on a body, or none. */
  select(bone: THREE.Bone | null): void {
    this.picked = bone;
    this.marker.visible = bone !== null;
    this.draw();
  }

  selectNamed(bodyName: string, joint: string): void {
    const body = this.bodies?.list.find((item) => item.name === bodyName);
    this.select(body?.bones.find((bone) => jointName(bone) === joint) ?? null);
  }

  /** Draws at the browser's next moment, however often it is asked for before. */
  draw(): void {
    if (this.drawn) return;
    this.drawn = true;
    requestAnimationFrame(() => {
      this.drawn = false;
      this.sharpen(this.movingRatio);
      this.paint();
      this.spare(performance.now());
      window.clearTimeout(this.resting);
      if (this.movingRatio < FULL_RATIO) {
        this.resting = window.setTimeout(() => {
          this.sharpen(FULL_RATIO);
          this.paint();
        }, REST_MS);
      }
    });
  }

  private paint(): void {
    this.picked?.getWorldPosition(this.marker.position);
    this.renderer.render(this.scene, this.camera);
    this.placeLabels();
  }

  private sharpen(ratio: number): void {
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
  }

  /** Draws less where drawing is slow, until it rests: what counts is that the bodies move. */
  private spare(now: number): void {
    const took = now - this.drawnAt;
    this.drawnAt = now;
    if (took > 1000) return; // nothing was to be drawn
    this.slow = took > SLOW_MS ? this.slow + 1 : 0;
    if (this.slow < SLOW_PICTURES) return;
    this.slow = 0;
    if (this.renderer.shadowMap.enabled) this.dropShadows();
    else this.movingRatio = Math.max(this.movingRatio / 1.5, LEAST_RATIO);
  }

  private dropShadows(): void {
    this.renderer.shadowMap.enabled = false;
    this.scene.traverse((item) => item instanceof THREE.Mesh && ((item.material as THREE.Material).needsUpdate = true));
  }

  /** Middle of the bodies' hips. */
  private middle(): THREE.Vector3 {
    const sum = new THREE.Vector3();
    const list = this.bodies?.list ?? [];
    for (const body of list) sum.add((body.bones[0] ?? body.root).getWorldPosition(new THREE.Vector3()));
    return sum.divideScalar(Math.max(list.length, 1));
  }

  private placeLabels(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    this.bodies?.list.forEach((body, index) => {
      const place = (body.bones[0] ?? body.root).getWorldPosition(new THREE.Vector3());
      place.y = body.heightM * 1.12;
      place.project(this.camera);
      const label = this.labels.children[index] as HTMLElement;
      label.style.transform = `translate(-50%, -100%) translate(${((place.x + 1) / 2) * width}px, ${((1 - place.y) / 2) * height}px)`;
    });
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.renderer.setSize(width, height);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    if (this.preset) this.look(this.preset);
    this.draw();
  }

  private pick(event: MouseEvent): void {
    if (!this.bodies || !this.onPick) return;
    const box = this.renderer.domElement.getBoundingClientRect();
    let best: (Picked & { pixels: number }) | null = null;
    for (const body of this.bodies.list) {
      if (!body.root.visible) continue;
      for (const bone of body.bones) {
        const place = bone.getWorldPosition(new THREE.Vector3()).project(this.camera);
        const x = ((place.x + 1) / 2) * box.width + box.left - event.clientX;
        const y = ((1 - place.y) / 2) * box.height + box.top - event.clientY;
        const pixels = Math.hypot(x, y);
        if (pixels < PICK_PIXELS && (!best || pixels < best.pixels)) best = { body, bone, pixels };
      }
    }
    if (!best) return;
    this.select(best.bone);
    this.onPick(best);
  }
}

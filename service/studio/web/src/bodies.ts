// The bodies of a `scene.glb`: source, result, naive copy, in step. Three's units are the file's: metres, Y up.

import * as THREE from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

const TITLES: Record<string, string> = {
  source: "source",
  result: "result",
  copy_rest: "naive copy",
  before_refinement: "before refinement",
};
const COLOURS: Record<string, number> = { source: 0x6f9fd8, result: 0xe0a458, copy_rest: 0x9a9a9a, before_refinement: 0x8cc084, other_result: 0xc58fd6 };
const GHOST = 0.28;
const [TOUCHING, INSIDE] = [new THREE.Color(0x3ddc84), new THREE.Color(0xff2d46)];
const DEEP_CM = 4; // as red as it gets

/** What the file tells of a body, see `workers/pictures/scene_marks.py`. */
interface Marks {
  floor_m?: number;
  height_m?: number;
  touches?: [string, string, number, number][];
  inside?: { times_s: number[]; depth_cm: Record<string, number[]> };
}

export interface BodyView {
  name: string;
  title: string;
  root: THREE.Object3D;
  mesh: THREE.SkinnedMesh;
  bones: THREE.Bone[];
  skeleton: THREE.SkeletonHelper;
  heightM: number;
  floorM: number;
  colour: THREE.Color;
  marks: Marks;
  /** Number of the part of each vertex, an index of `partNames`. */
  parts: Uint8Array;
  partNames: string[];
  markedAs: string;
  ghost: boolean;
}

export interface Bodies {
  group: THREE.Group;
  list: BodyView[];
  durationS: number;
  setTime(seconds: number): void;
  dispose(): void;
}

/** Reads a scene file. Throws what three's loader throws for a file that is none. */
export async function readBodies(data: ArrayBuffer, name: string): Promise<Bodies> {
  const gltf = await new GLTFLoader().parseAsync(data, "");
  const group = new THREE.Group();
  const [x = 0, y = 0, z = 0, w = 1] = (gltf.scene.userData.facing as number[] | undefined) ?? [];
  gltf.scene.quaternion.set(-x, -y, -z, w); // so that the source looks along +Z
  group.add(gltf.scene);
  const list = gltf.scene.children.map((root) => bodyView(root));
  const clip = gltf.animations[0];
  if (!clip || !list.length) throw new Error(`${name} holds no moving body`);
  for (const body of list) group.add(body.skeleton);
  const mixer = new THREE.AnimationMixer(gltf.scene);
  mixer.clipAction(clip).play();
  return {
    group,
    list,
    durationS: clip.duration,
    // The end of a looping action is its beginning: stay a hair before it.
    setTime: (seconds) => void mixer.setTime(Math.min(seconds, clip.duration - 1e-5)),
    dispose: () => {
      mixer.stopAllAction();
      for (const body of list) {
        body.mesh.geometry.dispose();
        (body.mesh.material as THREE.Material).dispose();
        body.skeleton.dispose();
      }
    },
  };
}

function bodyView(root: THREE.Object3D): BodyView {
  let mesh: THREE.SkinnedMesh | undefined;
  const bones: THREE.Bone[] = [];
  root.traverse((node) => {
    if (node instanceof THREE.SkinnedMesh) mesh = node;
    else if (node instanceof THREE.Bone) bones.push(node);
  });
  if (!mesh) throw new Error(`body ${root.name} has no surface`);
  if (!mesh.geometry.attributes.normal) mesh.geometry.computeVertexNormals();
  mesh.geometry = withOwnColours(mesh.geometry); // result and copy share one surface
  mesh.frustumCulled = false; // its bounds are those of the bind pose
  mesh.castShadow = true;
  mesh.material = new THREE.MeshStandardMaterial({ vertexColors: true, roughness: 0.75 });
  const colour = new THREE.Color(COLOURS[root.name] ?? 0xcccccc);
  const skeleton = new THREE.SkeletonHelper(root);
  Object.assign(skeleton.material, { depthTest: false, linewidth: 2 });
  skeleton.visible = false;
  const facts = root.userData as Marks;
  const body: BodyView = {
    name: root.name,
    title: TITLES[root.name] ?? root.name,
    root,
    mesh,
    bones,
    skeleton,
    heightM: facts.height_m ?? 1.8,
    floorM: facts.floor_m ?? 0,
    colour,
    marks: facts,
    ...partsOf(mesh),
    markedAs: "?",
    ghost: false,
  };
  paint(body, []);
  return body;
}

function withOwnColours(shared: THREE.BufferGeometry): THREE.BufferGeometry {
  const own = new THREE.BufferGeometry();
  own.setIndex(shared.index);
  for (const [name, attribute] of Object.entries(shared.attributes)) own.setAttribute(name, attribute);
  own.setAttribute("color", new THREE.BufferAttribute(new Float32Array(own.attributes.position!.count * 3), 3));
  return own;
}

/** The part of the joint that holds most of each vertex. */
function partsOf(mesh: THREE.SkinnedMesh): { parts: Uint8Array; partNames: string[] } {
  const ofBone = mesh.skeleton.bones.map((bone) => (bone.userData.part as string | undefined) ?? "");
  const partNames = [...new Set(ofBone)];
  const numbers = ofBone.map((part) => partNames.indexOf(part));
  const skinIndex = mesh.geometry.attributes.skinIndex as THREE.BufferAttribute; // the heaviest comes first
  return { parts: Uint8Array.from({ length: skinIndex.count }, (_, vertex) => numbers[skinIndex.getX(vertex)] ?? 0), partNames };
}

/** Colours the parts that touch (green) or are inside the body (red, the deeper the more) at a time; or none. */
export function mark(body: BodyView, seconds: number, shown: boolean): void {
  if (!shown) return paint(body, []);
  const { touches = [], inside } = body.marks;
  const wanted: [string, THREE.Color, number][] = [];
  for (const [a, b, start, end] of touches) if (seconds >= start && seconds < end) for (const part of [a, b]) if (part !== "torso") wanted.push([part, TOUCHING, 0.55]);
  if (inside) {
    const after = inside.times_s.findIndex((time) => time >= seconds - 1e-6);
    const index = after < 0 ? inside.times_s.length - 1 : after;
    for (const [part, depths] of Object.entries(inside.depth_cm)) {
      const share = Math.min((depths[index] ?? 0) / DEEP_CM, 1);
      if (share > 0) wanted.push([part, INSIDE, Math.round(4 + share * 6) / 10]);
    }
  }
  paint(body, wanted);
}

function paint(body: BodyView, wanted: [string, THREE.Color, number][]): void {
  const words = wanted.map(([part, colour, share]) => `${part} ${colour.getHex()} ${share}`).join();
  if (words === body.markedAs) return;
  body.markedAs = words;
  const palette = body.partNames.map(() => body.colour.clone());
  for (const [part, colour, share] of wanted) palette[body.partNames.indexOf(part)]?.lerp(colour, share);
  const colours = body.mesh.geometry.attributes.color as THREE.BufferAttribute;
  body.parts.forEach((part, vertex) => {
    const { r, g, b } = palette[part] ?? body.colour;
    colours.setXYZ(vertex, r, g, b);
  });
  colours.needsUpdate = true;
}

/** A joint's name in the file; three's own may not hold every character. */
export const jointName = (bone: THREE.Object3D): string => (bone.userData.name as string | undefined) ?? bone.name;

/** Adds the result of another job, beside what is there and in step with it. */
export function addResult(bodies: Bodies, other: Bodies, title: string): void {
  const result = other.list.find((body) => body.name === "result");
  if (!result) return;
  for (const body of other.list) body.root.visible = body === result;
  result.name = "other_result";
  result.title = title;
  result.colour.set(COLOURS.other_result!);
  result.markedAs = "?";
  paint(result, []);
  bodies.group.add(other.group);
  bodies.list.push(result);
  const first = { setTime: bodies.setTime, dispose: bodies.dispose };
  bodies.setTime = (seconds) => (first.setTime(seconds), other.setTime(seconds));
  bodies.dispose = () => (first.dispose(), other.dispose());
}

/** Side by side at their own sizes, or the others as ghosts of its height where the result stands. Grounds lie at 0. */
export function arrange(bodies: Bodies, overlaid: boolean): void {
  const result = bodies.list.find((body) => body.name === "result");
  const gap = 0.95 * Math.max(...bodies.list.map((body) => body.heightM));
  bodies.list.forEach((body, index) => {
    const turn = body.root.parent!.quaternion.clone().invert();
    const offset = overlaid ? 0 : (index - (bodies.list.length - 1) / 2) * gap;
    const size = overlaid && result ? result.heightM / body.heightM : 1;
    body.root.scale.setScalar(size);
    body.root.position.set(offset, 0, 0).applyQuaternion(turn).setY(-body.floorM * size);
    body.ghost = overlaid && body.name !== "result";
    dress(body);
  });
}

/** Ghosts, and bodies whose skeleton is shown, let one look through them. */
export function dress(body: BodyView): void {
  const material = body.mesh.material as THREE.MeshStandardMaterial;
  const clear = body.ghost || body.skeleton.visible;
  material.transparent = clear;
  material.opacity = clear ? GHOST : 1;
  material.depthWrite = !clear;
  material.needsUpdate = true;
}

// node retarget_clip.mjs JOB.json > JSON: a motion retargeted by three.js' SkeletonUtils.retargetClip, bytes to bytes.
// The job: three (folder of the package), motion (.bvh or .glb), character (.glb), names (character's joint -> motion's),
// hips (the motion's joint that carries the travel), scale (of the travel), offsets (whether localOffsets come from both
// rest poses), repeats, out (where the GLB is kept, if at all). Pictures and materials are left out, which only makes it
// faster: there is no canvas here.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

const job = JSON.parse(readFileSync(process.argv[2]));
console.warn = console.log = () => {};
globalThis.self = globalThis;
globalThis.FileReader = class {
  readAsArrayBuffer(blob) { blob.arrayBuffer().then((result) => { this.result = result; this.onloadend(); }); }
};
const load = (path) => import(pathToFileURL(join(job.three, path)));
const THREE = await load('build/three.module.js');
const { BVHLoader } = await load('examples/jsm/loaders/BVHLoader.js');
const { GLTFLoader } = await load('examples/jsm/loaders/GLTFLoader.js');
const { GLTFExporter } = await load('examples/jsm/exporters/GLTFExporter.js');
const { retargetClip } = await load('examples/jsm/utils/SkeletonUtils.js');

const bytesOf = (file) => { const b = readFileSync(file); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };
const files = { motion: bytesOf(job.motion), character: bytesOf(job.character) };
const clean = (name) => THREE.PropertyBinding.sanitizeNodeName(name);

function readGltf(bytes) {
  const loader = new GLTFLoader();
  loader.register(() => ({ name: 'no_pictures', loadTexture: async () => new THREE.Texture() }));
  return new Promise((done, failed) => loader.parse(bytes, '', done, failed));
}

function skinOf(scene) {
  let found = null;
  scene.traverse((node) => { if (node.isSkinnedMesh && !found) found = node; });
  if (!found) throw new Error('no skinned mesh');
  return found;
}

async function readMotion() {
  if (job.motion.endsWith('.bvh')) {
    const { skeleton, clip } = new BVHLoader().parse(new TextDecoder().decode(files.motion));
    return { source: skeleton, clip, nameOf: (name) => name };
  }
  const gltf = await readGltf(files.motion);
  gltf.scene.updateMatrixWorld(true);
  return { source: skinOf(gltf.scene), clip: gltf.animations[0], nameOf: clean };
}

// What turns each bone of the source, as it rests, to that of the character, as it rests: without it the rigs' own axes
// are taken for poses.
function offsets(skin, source, names) {
  const bones = source.skeleton ? source.skeleton.bones : source.bones;
  bones.forEach((bone) => bone.parent || bone.updateMatrixWorld(true));
  const turn = (bone) => bone.getWorldQuaternion(new THREE.Quaternion());
  const found = {};
  for (const bone of skin.skeleton.bones) {
    const from = bones.find((each) => each.name === names[bone.name]);
    if (from) found[bone.name] = new THREE.Matrix4().makeRotationFromQuaternion(turn(from).invert().multiply(turn(bone)));
  }
  return found;
}

function write(scene, clip) {
  const plain = new THREE.MeshStandardMaterial();
  scene.traverse((node) => { if (node.isMesh) node.material = plain; });
  return new GLTFExporter().parseAsync(scene, { binary: true, animations: [clip] });
}

async function run() {
  const start = performance.now();
  const { source, clip, nameOf } = await readMotion();
  const target = await readGltf(files.character);
  target.scene.updateMatrixWorld(true);
  const skin = skinOf(target.scene);
  const read = performance.now();
  const names = Object.fromEntries(Object.entries(job.names).map(([to, from]) => [clean(to), nameOf(from)]));
  const localOffsets = job.offsets ? offsets(skin, source, names) : undefined;
  const made = retargetClip(skin, source, clip, { names, hip: nameOf(job.hips), scale: job.scale ?? 1, localOffsets, useTargetMatrix: true });
  for (const track of made.tracks) track.name = track.name.replace(/^\.bones\[(.*)\]\./, '$1.');
  made.resetDuration();
  const retargeted = performance.now();
  const bytes = await write(target.scene, made);
  const end = performance.now();
  if (job.out) writeFileSync(job.out, Buffer.from(bytes));
  return {
    read_s: (read - start) / 1000, retarget_s: (retargeted - read) / 1000, write_s: (end - retargeted) / 1000,
    frames: made.tracks[0].times.length, tracks: made.tracks.length, bytes: bytes.byteLength,
  };
}

const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
const laps = [];
for (let lap = 0; lap < job.repeats; lap += 1) {
  const before = used();
  laps.push({ ...(await run()), processor_s: used() - before });
}
process.stdout.write(JSON.stringify(laps));

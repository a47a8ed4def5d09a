// node three_fbx.mjs THREE_FOLDER FILE.fbx TAKE SECONDS > JSON: skinned vertices in world space as three.js plays them.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [folder, file, take, seconds] = process.argv.slice(2);
globalThis.window = globalThis;
globalThis.document = { createElementNS: () => ({ addEventListener() {}, removeEventListener() {} }) };
console.warn = console.log = () => {};
const THREE = await import(pathToFileURL(join(folder, 'build/three.module.js')));
const { FBXLoader } = await import(pathToFileURL(join(folder, 'examples/jsm/loaders/FBXLoader.js')));
const bytes = readFileSync(file);
const group = new FBXLoader().parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), '');
const clip = group.animations.find((each) => each.name === take);
const mixer = new THREE.AnimationMixer(group);
const action = mixer.clipAction(clip);
action.setLoop(THREE.LoopOnce);
action.clampWhenFinished = true;
action.play();
mixer.setTime(Number(seconds));
group.updateMatrixWorld(true);
const found = [];
const point = new THREE.Vector3();
group.traverse((mesh) => {
  if (!mesh.isSkinnedMesh) return;
  const positions = mesh.geometry.attributes.position;
  for (let vertex = 0; vertex < positions.count; vertex += 1) {
    point.fromBufferAttribute(positions, vertex);
    mesh.applyBoneTransform(vertex, point);
    point.applyMatrix4(mesh.matrixWorld);
    found.push(point.toArray());
  }
});
process.stdout.write(JSON.stringify(found));

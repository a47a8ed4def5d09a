"""Motions of any length to measure with, each unlike every other, so that no cache can have seen it.

They come from our own walk or from a file: cut to the asked length, or played to and fro until it is reached, and
every joint swayed by a fraction of a degree, otherwise for each number and seed. A motion is written as BVH, or as GLB
with the body it came with; the files themselves are left to `workers.formats`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.bvh.write import write_bvh
from workers.formats.gltf.write import write_glb
from workers.formats.read import read_scene
from workers.lab.bench.files import lengthened, with_tips
from workers.samples.body import build_body
from workers.samples.clips import walk
from workers.samples.glb import rig_to_glb
from workers.samples.rig import RigStyle, build_rig
from workers.samples.shape import TALL
from workers.skeleton import quat
from workers.skeleton.model import Array, Clip, Scene

MotionFormat = Literal["bvh", "glb"]
SWAY_DEG = 0.4  # small enough that a planted foot stays planted
SWAY_HZ = (0.1, 0.4)


@dataclass(frozen=True, eq=False)
class MotionMaker:
    """Makes motions from one clip; `label` names where it is from. `formats` are those it can be written in."""

    label: str
    scene: Scene
    clip: Clip
    seed: int

    @property
    def formats(self) -> tuple[MotionFormat, ...]:
        """A motion that came without a body has none to be written with."""
        return ("bvh",) if self.scene.document is None else ("bvh", "glb")

    @property
    def joints(self) -> int:
        return self.scene.skeleton.joint_count

    def make(self, frames: int, number: int, kind: MotionFormat) -> FileBundle:
        """Motion `number` of that length. The same number, seed and length give the same bytes."""
        clip = swayed(of_length(self.clip, frames), np.random.default_rng([self.seed, number, frames]))
        name = f"{clip.name or 'motion'} {number}"
        if kind == "bvh":
            return FileBundle(f"motion-{number}.bvh", write_bvh(self.scene.skeleton, replace(clip, name=name)))
        keyed = range(len(self.scene.skeleton))
        data = write_glb(self.scene, [replace(clip, name=name)], keyed, existing_clips="drop")
        return FileBundle(f"motion-{number}.glb", data)


def own_walk(frames: int, seed: int) -> MotionMaker:
    """Our tall body walking on and on, at least so many frames, on 65 joints."""
    body = build_body(TALL)
    rig = with_tips(build_rig(body, RigStyle()))
    clip = read_scene(FileBundle("walk.glb", rig_to_glb(rig, [lengthened(walk(body), frames)]))).load_clip(0, None)
    # Written into a file without clips: a dropped one would leave its numbers behind.
    return MotionMaker("our own walk", read_scene(FileBundle("tall.glb", rig_to_glb(rig))), clip, seed)


def given_motion(bundle: FileBundle, seed: int) -> MotionMaker:
    """The first clip of a file. Raises what reading it does, and ClipNotFound where it has none."""
    scene = read_scene(bundle)
    return MotionMaker(bundle.name, scene, scene.load_clip(scene.find_clip(None), None), seed)


def of_length(clip: Clip, frames: int) -> Clip:
    """The clip cut, or played to and fro, which stays continuous whatever it does and wherever it goes."""
    last = max(clip.frames - 1, 1)
    index = last - np.abs(np.arange(frames) % (2 * last) - last)
    index = np.minimum(index, clip.frames - 1)
    moved = {joint: values[index] for joint, values in clip.translations_m.items()}
    return replace(clip, rotations=clip.rotations[index], translations_m=moved)


def swayed(clip: Clip, random: np.random.Generator) -> Clip:
    """Every joint turned to and fro about an axis of its own, `SWAY_DEG` at most."""
    joints = clip.rotations.shape[1]
    axes = quat.unit(random.normal(size=(joints, 3)))
    rates_hz, phases = random.uniform(*SWAY_HZ, size=joints), random.uniform(0.0, 2.0 * np.pi, size=joints)
    times_s = np.arange(clip.frames)[:, None] / clip.rate_hz
    angles: Array = np.radians(SWAY_DEG) * np.sin(2.0 * np.pi * rates_hz * times_s + phases)
    turned = quat.multiply(clip.rotations, quat.from_axis_angle(axes, angles))
    return replace(clip, rotations=turned)

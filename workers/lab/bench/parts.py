"""The steps that must not become slow, each timed beside an opponent in the same run.

Seconds of another machine say little; a ratio says whether a step grew dearer. The opponent is what would do the same
work the plain way, or the step that stands beside it, or the step itself at a tenth of the size. Times are processor
time, the best of the repeats.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.bvh.write import write_bvh
from workers.formats.gltf.container import split_container
from workers.formats.gltf.write import write_glb
from workers.formats.limits import DEFAULT_LIMITS
from workers.formats.read import read_scene
from workers.lab.bench.files import BenchFiles, lengthened, with_tips
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import find_contacts
from workers.preparation.prepare import prepare_character, prepare_motion
from workers.retargeting.alignment import align
from workers.retargeting.analytic import leg_scale, transfer
from workers.retargeting.feet.foot_lock import hold_feet
from workers.samples.body import build_body
from workers.samples.clips import walk
from workers.samples.glb import rig_to_glb
from workers.samples.rig import RigStyle, build_rig
from workers.samples.shape import TALL
from workers.samples.write import sample_files
from workers.skeleton import quat
from workers.skeleton.find_roles.find import find_roles
from workers.skeleton.model import Array, Skeleton

CLIPS = 76  # as a pack of characters has them
LARGE_NODES, SMALL_NODES = 20_000, 2_000


@dataclass(frozen=True)
class Part:
    """Best processor seconds of a step and of its opponent."""

    name: str
    opponent: str
    seconds: float
    opponent_s: float

    @property
    def ratio(self) -> float:
        """How many times the opponent's time the step takes."""
        return self.seconds / max(self.opponent_s, 1e-9)


Work = Callable[[], object]


def bench_parts(files: BenchFiles, repeats: int) -> Iterator[Part]:
    for name, work, opponent, other in _pairs(files):
        yield Part(name, opponent, _best_s(work, repeats), _best_s(other, repeats))


def _pairs(files: BenchFiles) -> Iterator[tuple[str, Work, str, Work]]:
    """Name and work of each step, name and work of its opponent."""
    rows = files.bvh.data.partition(b"Frame Time:")[2].split(b"\n", 1)[1]
    yield (
        "read a BVH with its clip", partial(_read_clip, files.bvh),
        "float() of each of its numbers", lambda: [float(word) for word in rows.split()],
    )  # fmt: skip
    scene = read_scene(files.bvh)
    clip = scene.load_clip(0, None)
    degrees = np.degrees(clip.rotations[..., :3])
    yield (
        "write a BVH", lambda: write_bvh(scene.skeleton, clip),
        "format of as many numbers", lambda: _formatted(degrees),
    )  # fmt: skip
    many = FileBundle("many.glb", many_clips())
    document = json.dumps(split_container(many.data, many.name, DEFAULT_LIMITS).json)
    yield (
        f"read a GLB of {CLIPS} clips", partial(_read_clip, many),
        "json.loads of its document", lambda: json.loads(document),
    )  # fmt: skip
    other_scene = read_scene(files.glb)
    other_clip, keyed = other_scene.load_clip(0, None), range(files.joints)
    yield (
        "write a GLB", lambda: write_glb(other_scene, [other_clip], keyed),
        "json.dumps of its rotations", lambda: json.dumps(other_clip.rotations.tolist()),
    )  # fmt: skip
    motion, character = (
        prepare_motion(scene, 0, parse_options(None)),
        prepare_character(read_scene(files.character), {}),
    )
    source, target = motion.motion, character.body

    def transferred() -> BodyMotion:
        return transfer(source, target, align(source.body, target), source.body.floor_m)

    analytic, contacts, scale = transferred(), find_contacts(source), leg_scale(source.body, target)
    yield (
        "hold the feet", lambda: hold_feet(analytic, source, contacts, scale, "auto", source.body.floor_m),
        "the transfer before it", transferred,
    )  # fmt: skip
    yield (
        f"find roles among {files.joints} joints", partial(find_roles, scene.skeleton),
        "retarget the whole clip", transferred,
    )  # fmt: skip
    yield (
        f"find roles in a tree of {LARGE_NODES:,} nodes", partial(find_roles, bush(LARGE_NODES)),
        f"in one of {SMALL_NODES:,}", partial(find_roles, bush(SMALL_NODES)),
    )  # fmt: skip
    yield "make all sample files", sample_files, "retarget the whole clip", transferred


def many_clips() -> bytes:
    """A body whose file holds thousands of accessors, as game packs do."""
    body = build_body(TALL)
    clip = lengthened(walk(body), 33)
    clips = [replace(clip, name=f"walk {number}") for number in range(CLIPS)]
    return rig_to_glb(with_tips(build_rig(body, RigStyle())), clips)


def bush(nodes: int) -> Skeleton:
    """A tree of named nodes that is no body, each below one of the forty before it."""
    random, index = np.random.default_rng(1), np.arange(nodes)
    parents = np.array([-1, *(int(random.integers(max(0, node - 40), node)) for node in range(1, nodes))])
    names = tuple(f"arm_{node}.{'LR'[node % 2]}" for node in range(nodes))
    offsets, turns = random.normal(size=(nodes, 3)), quat.identity(nodes)
    return Skeleton(
        names, parents, index, offsets, turns, offsets, turns,
        deforming=np.ones(nodes, dtype=bool), translation_scale=np.ones(nodes), end_site=np.zeros(nodes, dtype=bool),
    )  # fmt: skip


def _read_clip(bundle: FileBundle) -> object:
    return read_scene(bundle).load_clip(0, None)


def _formatted(values: Array) -> str:
    return "\n".join(" ".join(f"{value:.6f}" for value in row) for row in values.reshape(len(values), -1).tolist())


def _best_s(work: Work, repeats: int) -> float:
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)

"""The labelled clips of the data: their stable ids, their words, and the prepared motion behind each.

An id is `folder/file/clip`, or `folder/file` where a file is one clip. Words come from the CMU index, as kept in
`sources.json`, or from the clip's own name. T-poses are left out: every pack has one, and it means nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.lab.corpus import load_scene
from workers.lab.eye.data.fetch import list_sources
from workers.preparation.prepare import PreparedMotion, prepare_motion
from workers.samples import clips
from workers.samples.body import build_body
from workers.samples.bvh import motion_to_bvh
from workers.samples.shape import TALL
from workers.skeleton.model import Scene

# Folder of an id -> where its files lie under the data. Other folders are neither trained nor measured on.
CLIP_FILES = {
    "kaykit-medium": ("motions/kaykit-medium", ("*.glb",)),
    "cmu-cc": ("motions/cmu-cc", ("*.bvh",)),
    "cmu-cgspeed": ("motions/cmu-cgspeed", ("*.bvh",)),
    "makehuman": ("motions/makehuman", ("walk1.bvh", "zombieWalk1.bvh", "dance1.bvh")),
    "quaternius-fbx": ("characters/quaternius-fbx", ("Animated*.fbx", "Zombie.fbx", "KnightCharacter.glb")),
    "kaykit-adventurers": ("characters/kaykit-adventurers", ("Knight.glb",)),
    "mixamo-xy-pair": ("characters/mixamo-xy-pair", ("Xbot.glb",)),
}
SAMPLES = "samples"
SAMPLE_CLIPS = {
    "walk.bvh": clips.walk, "wave.bvh": clips.wave, "hands_on_hips.bvh": clips.hands_on_hips, "clap.bvh": clips.clap,
    "reach_overhead.bvh": clips.reach_overhead,
}  # fmt: skip
T_POSE = re.compile(r"t-?pose", re.IGNORECASE)
# The longest stretch of a clip that is used: CMU has clips of half a minute.
MAX_SECONDS = 20.0


def list_clips(data: Path) -> tuple[str, ...]:
    """Ids of all labelled clips under `data`, and of the project's own samples, sorted. Raises what reading raises."""
    ids = [f"{SAMPLES}/{name}" for name in SAMPLE_CLIPS]
    for folder, (place, patterns) in CLIP_FILES.items():
        for path in sorted(path for pattern in patterns for path in (data / place).glob(pattern)):
            if path.suffix == ".bvh":
                ids.append(f"{folder}/{path.name}")
                continue
            ids += [f"{folder}/{path.name}/{short_name(clip.name)}" for clip in load_scene(path).clips]
    return tuple(sorted(clip for clip in ids if not T_POSE.search(clip)))


def load_motion(data: Path, clip_id: str) -> PreparedMotion:
    """The motion on its own body, at most `MAX_SECONDS` of it. Raises what reading raises."""
    scene, index = _scene_of(data, clip_id)
    return prepare_motion(scene, index, JobOptions(end_s=MAX_SECONDS))


def clip_text(clip_id: str) -> str:
    """What the clip shows in words: the CMU index's text (`sources.json`), else the clip's name."""
    folder, _, rest = clip_id.partition("/")
    name = rest.rpartition("/")[2].removesuffix(".bvh")
    if folder.startswith("cmu"):
        return _cmu_texts()[rest]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", name)
    words = re.findall(r"[a-z0-9]+", re.sub(r"\b(?:[A-C]|\d+)\b", "", spaced.replace("_", " ")).lower())
    return " ".join(words)


def short_name(clip_name: str) -> str:
    """A clip's name without the armature that some exporters put before it."""
    return clip_name.rpartition("|")[2]


def _scene_of(data: Path, clip_id: str) -> tuple[Scene, int]:
    folder, _, rest = clip_id.partition("/")
    file, _, name = rest.partition("/")
    if folder == SAMPLES:
        return _sample_scene(file), 0
    scene = load_scene(data / CLIP_FILES[folder][0] / file)
    names = [short_name(clip.name) for clip in scene.clips]
    return scene, names.index(name) if name else 0


@lru_cache(maxsize=8)
def _sample_scene(file: str) -> Scene:
    body = build_body(TALL)
    text = motion_to_bvh(body, SAMPLE_CLIPS[file](body))
    return read_scene(FileBundle(file, text.encode()))


@lru_cache(maxsize=1)
def _cmu_texts() -> dict[str, str]:
    return {Path(file.path).name: file.text for file in list_sources() if file.text is not None}

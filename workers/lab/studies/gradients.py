"""The renderer's gradients on sample bodies: many poses, views and kinds of change, as one table.

Each case renders a pose and compares with another one near it; the gradient is taken in translation (3), scale (1) or
joint angles (3 each for the limbs' joints). See `workers.lab.studies.renderer_gradients` for how the truth is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.contract.errors import NoSkin
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry.decimate import prepare_surface
from workers.lab.corpus import load_scene
from workers.lab.studies.renderer_gradients import GradientCheck, Pose, check_gradient
from workers.motion.body_motion import BodyMotion, to_clip
from workers.preparation.prepare import prepare_motion
from workers.rendering.cameras import Camera, clip_facing, follow
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import Skin, bind_skin
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
from workers.skeleton import kinematics_torch as kinematics
from workers.skeleton import quat_torch as rotations
from workers.skeleton.model import Mesh, Skeleton

LIMB_ROLES = tuple(
    f"{side}{part}" for side in ("left", "right") for part in ("UpperArm", "LowerArm", "UpperLeg", "LowerLeg")
)
# Sample clip, share of its length, view: walking, arms raised, palms together before the chest, hands on the hips.
MOMENTS = (
    ("walk", 0.30, "side"),
    ("walk", 0.55, "three_quarter"),
    ("reach_overhead", 0.5, "front"),
    ("clap", 0.45, "front"),
    ("clap", 0.45, "three_quarter"),
    ("hands_on_hips", 0.5, "front"),
    ("wave", 0.4, "side"),
)
# Files of real characters, the number of the clip, share of its length, view.
FILE_MOMENTS = (
    ("characters/threejs/Soldier.glb", 1, 0.3, "side"),
    ("characters/mixamo-xy-pair/Xbot.glb", 0, 0.4, "front"),
    ("characters/quaternius-fbx/KnightCharacter.glb", 1, 0.5, "three_quarter"),
    ("characters/threejs/CesiumMan.glb", 0, 0.5, "three_quarter"),
)
LIMB_STEP_RAD, SHIFT_STEP, SCALE_STEP = 0.02, 0.0035, 0.006  # shifts in body heights

ENOUGH_COSINE, ENOUGH_MAGNITUDE, ENOUGH_SIZE = 0.9, 0.25, 448


@dataclass(frozen=True)
class GradientRow:
    """One case at one picture size; `change` is what the gradient is taken in."""

    label: str
    change: str
    size: int
    check: GradientCheck

    def figures(self) -> dict[str, Any]:
        check = self.check
        return {
            "case": self.label, "change": self.change, "size": self.size, "derivatives": len(check.measured),
            "counted": int(check.counted.sum()), "wrong": int((check.counted & check.wrong).sum()),
            "wrong_of_all": int(check.wrong.sum()), "largest_wrong": check.largest_wrong,
            "largest_left_out": check.largest_left_out, "cosine": check.cosine,
            "magnitude_error": check.magnitude_error, "reference_cosine": check.reference_cosine,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class PosedBody:
    """One moment of a motion with its skin and one camera; everything a gradient case starts from."""

    skeleton: Skeleton
    skin: Skin
    rotations: Tensor  # (1, joints, 4) local
    offsets_m: Tensor  # (1, joints, 3) local
    root: int
    limbs: tuple[int, ...]
    camera: Camera

    def vertices(self, turns: Tensor, shift_m: Tensor, scale: Tensor) -> Tensor:
        """`(B, V, 3)` for rotation vectors `(B, limbs, 3)` at the limbs, a shift `(B, 3)` and a scale `(B, 1)` about
        the root.
        """
        batch = len(shift_m)
        local = self.rotations.expand(batch, -1, -1).clone()
        limbs = torch.tensor(self.limbs)
        turned = rotations.multiply(local[:, limbs], rotations.from_rotation_vector(turns))
        local = local.index_copy(1, limbs, turned)
        world, places = kinematics.forward_kinematics(self.skeleton, local, self.offsets_m.expand(batch, -1, -1))
        vertices = self.skin.deform(world, places)
        centre = places[:, self.root, None].detach()
        return centre + (vertices - centre) * (1.0 + scale[:, None]) + shift_m[:, None]


def pose_body(motion: BodyMotion, skin: Skin, frame: int, view: str, size: int = 224) -> PosedBody:
    """A frame of a motion on its own skin, seen from one of `cameras.VIEWS`."""
    body, clip = motion.body, to_clip(motion)
    left, right, hips = (motion.role_positions(role) for role in ("leftUpperLeg", "rightUpperLeg", "hips"))
    assert left is not None and right is not None and hips is not None
    cameras = follow(hips, motion.rate_hz, body.height_m, body.floor_m, clip_facing(left, right), size, [view])
    offsets = kinematics.fk_offsets(body.skeleton, clip.frames, clip.translations_m)
    chosen = slice(frame, frame + 1)
    return PosedBody(
        body.skeleton,
        skin,
        torch.as_tensor(clip.rotations[chosen], dtype=torch.float32),
        torch.as_tensor(offsets[chosen], dtype=torch.float32),
        body.hips,
        tuple(joint for role in LIMB_ROLES if (joint := body.joint(role)) is not None),
        cameras[view][chosen],
    )


def cases(posed: PosedBody, seed: int) -> Iterator[tuple[str, Pose, np.typing.NDArray[np.float64], Tensor]]:
    """Name, pose function, difference steps and target vertices: translation, scale, joint angles.

    Targets are the same body a little further on: moved, grown, or with its limbs turned by up to 20 degrees.
    """
    random = np.random.default_rng(seed)
    count = len(posed.limbs)

    def vertices(turns: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return posed.vertices(turns.view(-1, count, 3), shift, scale)

    def still(batch: int, width: int) -> Tensor:
        return torch.zeros(batch, width)

    def target(turns: np.typing.NDArray[np.float64], shift: Sequence[float], scale: float) -> Tensor:
        with torch.no_grad():
            return vertices(
                torch.as_tensor(turns, dtype=torch.float32)[None],
                torch.tensor([shift], dtype=torch.float32),
                torch.tensor([[scale]]),
            )

    calm = np.zeros(count * 3)
    height_m = float(posed.camera.unit_m[0])
    shift = height_m * random.uniform(0.018, 0.036, 3) * random.choice([-1.0, 1.0], 3)
    turns = np.radians(random.uniform(-20.0, 20.0, count * 3))
    yield (
        "translation",
        lambda p: vertices(still(len(p), count * 3), p, still(len(p), 1)),
        np.full(3, SHIFT_STEP * height_m),
        target(calm, shift.tolist(), 0.0),
    )
    yield (
        "scale",
        lambda p: vertices(still(len(p), count * 3), still(len(p), 3), p),
        np.full(1, SCALE_STEP),
        target(calm, [0.0, 0.0, 0.0], float(random.choice([-0.06, 0.06]))),
    )
    yield (
        "joint angles",
        lambda p: vertices(p, still(len(p), 3), still(len(p), 1)),
        np.full(count * 3, LIMB_STEP_RAD),
        target(turns, [0.0, 0.0, 0.0], 0.0),
    )


def sample_motion(clip: str, stout: bool) -> tuple[BodyMotion, Mesh]:
    """A sample clip on the tall or the stout body, as read back from a file, and its surface."""
    shape = STOUT if stout else TALL
    motions = [motion for motion in make_clips(shape) if motion.name == clip]
    scene = read_scene(FileBundle("sample.glb", make_character(shape, motions=motions)))
    prepared = prepare_motion(scene, 0, parse_options(None))
    mesh = scene.load_mesh()
    assert mesh is not None
    return prepared.motion, mesh


def file_motion(path: Path, clip: int) -> tuple[BodyMotion, Mesh]:
    """A clip of a character's own file, by number, and its surface."""
    scene = load_scene(path)
    mesh = scene.load_mesh()
    if mesh is None:
        raise NoSkin(f"{path.name}: no skinned mesh; name a character")
    return prepare_motion(scene, clip, parse_options(None)).motion, mesh


def gradient_table(
    sizes: Sequence[int] = (224, 448),
    fine_size: int = 896,
    faces: int = 5000,
    moments: Sequence[tuple[str, float, str]] = MOMENTS,
    data: Path | None = None,
) -> Iterator[GradientRow]:
    """All cases at all sizes; `data` is a folder with some of the files of `FILE_MOMENTS`, which then follow."""
    for number, (clip, share, view) in enumerate(moments):
        stout = number % 2 == 1
        label = f"{'stout' if stout else 'tall'} {clip} {view}"
        yield from _rows(label, *sample_motion(clip, stout), share, view, number, sizes, fine_size, faces)
    for number, (name, chosen, share, view) in enumerate(FILE_MOMENTS if data else ()):
        assert data is not None
        if (data / name).is_file():
            motion, mesh = file_motion(data / name, chosen)
            label = f"{Path(name).stem} {motion.name} {view}"
            yield from _rows(label, motion, mesh, share, view, 100 + number, sizes, fine_size, faces)


def _rows(
    label: str,
    motion: BodyMotion,
    mesh: Mesh,
    share: float,
    view: str,
    seed: int,
    sizes: Sequence[int],
    fine_size: int,
    faces: int,
) -> Iterator[GradientRow]:
    renderer = TorchRenderer()
    skin = bind_skin(prepare_surface(mesh, faces), motion.body.skeleton)
    posed = pose_body(motion, skin, round(share * (motion.frames - 1)), view)
    for change, pose, steps, target in cases(posed, seed):
        checks = check_gradient(renderer, pose, steps, skin.faces, posed.camera, target, sizes, fine_size)
        for size, check in checks.items():
            yield GradientRow(label, change, size, check)


TABLE_HEAD = (
    f"{'case':<41}{'change':<13}{'px':>4}{'counted':>9}{'wrong':>6}{'(all)':>6}"
    f"{'cosine':>8}{'error':>7}{'reference':>11}"
)


def table_line(row: GradientRow) -> str:
    """`counted` of all derivatives have a sign that could be measured, `wrong` of these are wrong; `(all)` wrong signs,
    counted or not.
    """
    figures, check = row.figures(), row.check
    counted = f"{figures['counted']}/{figures['derivatives']}"
    return (
        f"{row.label[:40]:<41}{row.change:<13}{row.size:>4}{counted:>9}{figures['wrong']:>6}"
        f"{figures['wrong_of_all']:>6}{check.cosine:>8.3f}{check.magnitude_error:>7.2f}{check.reference_cosine:>11.3f}"
    )


def summarise(rows: Sequence[GradientRow]) -> dict[str, float]:
    """What the table comes to; a magnitude error is a share of the measured gradient's length."""
    result: dict[str, float] = {}
    for size in sorted({row.size for row in rows}):
        chosen = [row.figures() for row in rows if row.size == size]
        errors = [figures["magnitude_error"] for figures in chosen]
        result[f"median magnitude error at {size} px"] = float(np.median(errors))
        result[f"worst magnitude error at {size} px"] = max(errors)
        result[f"derivatives at {size} px"] = sum(figures["derivatives"] for figures in chosen)
        result[f"left out at {size} px, sign not measurable"] = sum(f["derivatives"] - f["counted"] for f in chosen)
        result[f"wrong signs at {size} px"] = sum(figures["wrong"] for figures in chosen)
        left_out = max(figures["largest_left_out"] for figures in chosen)
        result[f"largest left out of wrong sign at {size} px, of the case's largest"] = left_out
    result["smallest cosine over joint angles"] = min(row.check.cosine for row in rows if row.change == "joint angles")
    result["smallest cosine of all"] = min(row.check.cosine for row in rows)
    result["largest derivative of wrong sign, of the case's largest"] = max(row.check.largest_wrong for row in rows)
    return result


def good_enough(rows: Sequence[GradientRow]) -> bool:
    """Every counted sign right, the joint angles' directions and the median magnitude as good as asked."""
    summary = summarise(rows)
    return (
        summary["largest derivative of wrong sign, of the case's largest"] == 0.0
        and summary["smallest cosine over joint angles"] >= ENOUGH_COSINE
        and summary.get(f"median magnitude error at {ENOUGH_SIZE} px", 0.0) <= ENOUGH_MAGNITUDE
    )

"""The renderer's gradients on sample bodies: many poses, views and kinds of change, as one table.

Each case renders a pose and compares with another one near it; the gradient is taken in translation (3), scale (1) or
joint angles (3 each for the limbs' joints). See `workers.rendering.gradients` for how the truth is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.options import parse_options
from workers.preparation import prepare_motion
from workers.rendering import kinematics, rotations
from workers.rendering.cameras import VIEWS, Camera, clip_facing, follow
from workers.rendering.decimate import prepare_surface
from workers.rendering.gradients import GradientCheck, Pose, check_gradient
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import Skin, bind_skin
from workers.retargeting.motion import BodyMotion, to_clip
from workers.samples.clips import make_clips
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
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
LIMB_STEP_RAD, SHIFT_STEP_M, SCALE_STEP = 0.02, 0.006, 0.006


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
    shift = random.uniform(0.03, 0.06, 3) * random.choice([-1.0, 1.0], 3)
    turns = np.radians(random.uniform(-20.0, 20.0, count * 3))
    yield (
        "translation",
        lambda p: vertices(still(len(p), count * 3), p, still(len(p), 1)),
        np.full(3, SHIFT_STEP_M),
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


def descend(views: Sequence[PosedBody], faces: Tensor, limb: int, start: Tensor, steps: int = 60) -> Tensor:
    """Rotation vector `(3,)` left over when the pictures' loss alone turns a limb back from `start` `(3,)`.

    `views` are one moment seen from several cameras; `limb` counts in `PosedBody.limbs`. Adam with a falling rate.
    """
    posed, count, renderer = views[0], len(views[0].limbs), TorchRenderer()
    cameras = Camera.join([view.camera for view in views])
    still = torch.zeros(1, 3), torch.zeros(1, 1)

    def pictures(turn: Tensor) -> Tensor:
        turns = torch.zeros(1, count, 3).index_copy(1, torch.tensor([limb]), turn.view(1, 1, 3))
        vertices = posed.vertices(turns, *still).expand(len(views), -1, -1)
        return renderer.render(vertices, faces, cameras)

    with torch.no_grad():
        target = pictures(torch.zeros(3))
    turn = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([turn], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        (pictures(turn) - target).square().mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return turn.detach()


def descent_table(
    error_deg: float = 20.0, faces: int = 5000, moments: Sequence[tuple[str, float, str]] = MOMENTS, size: int = 224
) -> list[tuple[str, float]]:
    """Left and right upper arm of every moment turned off by `error_deg` about a random axis: degrees left over after
    the descent, seen from all views.
    """
    random = np.random.default_rng(3)
    rows = []
    for clip, share in dict.fromkeys((clip, share) for clip, share, _ in moments):
        motion, mesh = sample_motion(clip, stout=False)
        skin = bind_skin(prepare_surface(mesh, faces), motion.body.skeleton)
        frame = round(share * (motion.frames - 1))
        views = [pose_body(motion, skin, frame, view, size) for view in VIEWS]
        for role in ("leftUpperArm", "rightUpperArm"):
            limb = views[0].limbs.index(motion.body.mapping.roles[role].joint)
            axis = random.normal(size=3)
            start = torch.as_tensor(np.radians(error_deg) * axis / np.linalg.norm(axis), dtype=torch.float32)
            left = descend(views, skin.faces, limb, start)
            rows.append((f"{clip} {share:.2f} {role}", float(np.degrees(torch.linalg.norm(left).item()))))
    return rows


def gradient_table(
    sizes: Sequence[int] = (224, 448),
    fine_size: int = 896,
    faces: int = 5000,
    moments: Sequence[tuple[str, float, str]] = MOMENTS,
) -> list[tuple[str, int, GradientCheck]]:
    """All cases at all sizes: (name, picture size, check)."""
    renderer = TorchRenderer()
    rows = []
    for number, (clip, share, view) in enumerate(moments):
        stout = number % 2 == 1
        motion, mesh = sample_motion(clip, stout)
        skin = bind_skin(prepare_surface(mesh, faces), motion.body.skeleton)
        posed = pose_body(motion, skin, round(share * (motion.frames - 1)), view)
        for name, pose, steps, target in cases(posed, number):
            checks = check_gradient(renderer, pose, steps, skin.faces, posed.camera, target, sizes, fine_size)
            label = f"{'stout' if stout else 'tall'} {clip} {view}: {name}"
            rows += [(label, size, check) for size, check in checks.items()]
    return rows


def format_table(rows: Sequence[tuple[str, int, GradientCheck]]) -> str:
    """One line a case."""
    lines = [f"{'case':<48}{'px':>5}{'signs':>7}{'cosine':>8}{'error':>8}"]
    lines += [
        f"{name:<48}{size:>5}{check.signs_right:>7.2f}{check.cosine:>8.3f}{check.magnitude_error:>8.2f}"
        for name, size, check in rows
    ]
    return "\n".join(lines)

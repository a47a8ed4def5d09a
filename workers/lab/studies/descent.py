"""Descent from pictures to poses: an arm turned away is turned back by the pictures' loss alone.

The loss is the mean squared difference of pictures from all views, plain: no pyramid, no coarse-to-fine, no prior.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from workers.geometry.decimate import prepare_surface
from workers.lab.studies.gradients import MOMENTS, PosedBody, pose_body, sample_motion
from workers.rendering.cameras import VIEWS, Camera
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.skinning import bind_skin

SEED = 3
ENOUGH_DEG = 5.0


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
) -> Iterator[tuple[str, float]]:
    """Left and right upper arm of every moment turned off by `error_deg` about a random axis: degrees left over after
    the descent, seen from all views.
    """
    random = np.random.default_rng(SEED)
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
            yield f"{clip} {share:.2f} {role}", float(np.degrees(torch.linalg.norm(left).item()))

"""The report's rows that see a skin torn, wrung or left behind, for a result and the naive copy alike.

    undriven_skin_pct     share of the surface on joints that stay behind the body      workers.geometry.undriven_skin
    skin_torn_pct         length of edges stretched beyond twice, of all edges          workers.geometry.skin_strain
    skin_collapsed_pct    area of faces that collapsed, of all
    skin_longest_cm       growth of the edge that grew most, at the character's real size

Measured in `FRAMES` frames spread evenly over the clip, on the full mesh without props.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.geometry.skin_strain import skin_strain
from workers.geometry.surface import BodySurface
from workers.geometry.undriven_skin import UndrivenSkin, undriven_skin
from workers.motion.body_motion import BodyMotion
from workers.scores.scores import SKIN_KEYS
from workers.scores.surface_measures import NO_MESH, spread_frames
from workers.skeleton.model import Notice

FRAMES = 24
FEW = 6  # joints that a warning names


@dataclass(frozen=True)
class SkinScores:
    """`values` by `SKIN_KEYS`; a value of None has its reason in `reasons`. `notices` name the joints left behind."""

    values: dict[str, float | None]
    reasons: dict[str, str]
    notices: tuple[Notice, ...] = ()


def skin_scores(motion: BodyMotion, surface: BodySurface) -> SkinScores:
    """Scores of a motion of the body that `surface` is the full surface of."""
    if not surface.is_own:
        return SkinScores(dict.fromkeys(SKIN_KEYS), dict.fromkeys(SKIN_KEYS, NO_MESH))
    frames = spread_frames(motion.frames, FRAMES)
    undriven, strain = undriven_skin(surface, motion, frames), skin_strain(surface, motion, frames)
    values: dict[str, float | None] = {
        "undriven_skin_pct": 100.0 * undriven.share,
        "skin_torn_pct": 100.0 * strain.torn,
        "skin_collapsed_pct": 100.0 * strain.collapsed,
        "skin_longest_cm": 100.0 * strain.longest_m,
    }
    return SkinScores(values, {}, _notices(motion, undriven))


def _notices(motion: BodyMotion, undriven: UndrivenSkin) -> tuple[Notice, ...]:
    if not undriven.joints:
        return ()
    names = [repr(motion.body.skeleton.names[joint]) for joint in undriven.joints]
    listed = ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")
    text = (
        f"{100.0 * undriven.share:.2g} % of the skin hangs on joints that stay behind the body: {listed}; "
        "weight it to the joints that move, or bind these below them"
    )
    return (Notice("undriven-skin", text, motion.body.skeleton.names[undriven.joints[0]]),)

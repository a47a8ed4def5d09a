"""How the feet of a motion without a mesh lie on the ground, seen where they stand.

A rest pose that only joints describe may hold its feet at any tilt (a T pose with splayed legs turns them on their
edges), and joint positions do not show it. A foot that is planted with heel and toes at once lies flat, so its mean
orientation over those frames gives the turn that lays the resting foot level, and the height of its ankle over its
toes there is the one to stand on. The heading is left as the rest pose has
it: turned-out feet are a way of standing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workers.contract.roles import SIDES
from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES, UP, heading
from workers.skeleton.model import Array
from workers.skeleton.soles import LEVEL_DEG, TILTED_DEG, TOES_OVER_SOLE

MIN_FRAMES = 3
# Flat frames that differ from their mean by more than this are no standing on level ground.
MAX_SPREAD_DEG = 15.0
MAX_TILT_DEG = 60.0


def level_feet(motion: BodyMotion, contacts: FootContacts) -> BodyMotion:
    """The same motion, its body's feet measured where heel and toes are planted; unchanged where they never are."""
    body = motion.body
    lateral = motion.positions_m[:, body.mapping.roles["leftUpperLeg"].joint]
    lateral = lateral - motion.positions_m[:, body.mapping.roles["rightUpperLeg"].joint]
    turned = quat.multiply(heading(lateral), quat.conjugate(body.facing))
    tilts, over_toes = dict(body.sole_tilt), []
    for side in SIDES:
        columns = [FOOT_ROLES.index(f"{side}{part}") for part in ("Foot", "Toes")]
        flat = contacts.planted[:, columns].all(axis=1)
        if flat.sum() < MIN_FRAMES:
            continue
        ankle, toes = (motion.positions_m[flat, body.mapping.roles[f"{side}{part}"].joint] for part in ("Foot", "Toes"))
        over_toes.append(float(np.median(ankle[:, 1] - toes[:, 1])))
        tilt = None
        for role in (f"{side}Foot", f"{side}Toes"):
            joint = body.mapping.roles[role].joint
            away = quat.multiply(motion.rotations[flat, joint], quat.conjugate(body.rest_rotations[joint]))
            # Toes that tell nothing of their own lie as their foot does.
            tilt = _tilt(quat.multiply(quat.conjugate(turned[flat]), away), otherwise=tilt)
            if tilt is not None:
                tilts[role] = tilt
    if not over_toes:
        return motion
    drops = dict(body.sole_drop_m)
    # Both feet of a rig are alike, and a clip may show only one of them flat.
    for role in drops.keys() & {"leftFoot", "rightFoot"}:
        drops[role] = TOES_OVER_SOLE * body.leg_length_m + max(float(np.mean(over_toes)), 0.0)
    return replace(motion, body=replace(body, sole_tilt=tilts, sole_drop_m=drops))


def _tilt(away: Array, otherwise: Array | None) -> Array | None:
    """Mean of `(frames, 4)` turns without its part about the vertical; `otherwise` where they scatter or turn the foot
    over.

    Small tilts are dropped.
    """
    mean = quat.mean(away)
    if np.degrees(np.median(quat.angle_between(mean, away))) > MAX_SPREAD_DEG:
        return otherwise
    # mean = yaw * tilt: the twist comes last, so the split is taken of the inverse.
    tilt = quat.conjugate(quat.swing_twist(quat.conjugate(mean), UP)[0])
    if np.degrees(quat.angle(tilt)) > MAX_TILT_DEG:
        return otherwise
    share = (np.degrees(quat.angle(tilt)) - LEVEL_DEG) / (TILTED_DEG - LEVEL_DEG)
    return quat.slerp(quat.IDENTITY, tilt, np.clip(share, 0.0, 1.0))

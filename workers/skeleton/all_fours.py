"""Animals whose joints carry a human's names: a body that its file binds standing on all fours.

Riggers give a horse's forelegs the names of arms, and every role is found. Nothing a person does is then where it
belongs: a trunk that lies keeps lying, arms that hang to the ground are legs. Told by geometry alone: the trunk lies,
arms and legs hang down from it, and hands are as good as on the ground. A person bound so would have to be crawling;
one who lies has lying legs, an ape's trunk rises. What follows from it is left to the caller.
"""

from __future__ import annotations

import numpy as np

from workers.contract.roles import SIDES
from workers.skeleton.mapping import HumanoidMapping
from workers.skeleton.model import Array

# A trunk lies where it rises less than this over the level; a limb hangs where it is this close to straight down.
LYING_DEG = 30.0
HANGING_DEG = 45.0
# Hands this share of the shoulders' height over the feet stand on the ground.
ON_GROUND = 0.3


def stands_on_all_fours(mapping: HumanoidMapping, positions_m: Array) -> bool:
    """Whether joints at `positions_m` `(joints, 3)`, Y up, stand on hands and feet. False where a hand, or a leg's
    end, has no joint.
    """
    places = {role: positions_m[match.joint] for role, match in mapping.roles.items()}
    needed = [f"{side}{part}" for side in SIDES for part in ("UpperArm", "Hand", "UpperLeg", "Foot")]
    if any(role not in places for role in needed):
        return False
    shoulders, hands, hips, feet = (
        np.mean([places[f"{side}{part}"] for side in SIDES], axis=0)
        for part in ("UpperArm", "Hand", "UpperLeg", "Foot")
    )
    return bool(
        abs(_rise(shoulders - hips)) < np.sin(np.radians(LYING_DEG))
        and _rise(shoulders - hands) > np.cos(np.radians(HANGING_DEG))
        and _rise(hips - feet) > np.cos(np.radians(HANGING_DEG))
        and abs(hands[1] - feet[1]) < ON_GROUND * (shoulders[1] - feet[1])
    )


def _rise(vector: Array) -> float:
    """Sine of a vector's angle over the level; 0 for no length."""
    length = float(np.linalg.norm(vector))
    return float(vector[1]) / length if length > 0.0 else 0.0

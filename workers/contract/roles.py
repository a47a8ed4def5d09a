"""The humanoid roles: VRM 1.0 bone names, their order along the body, and which are needed.

Pure vocabulary. Finding the joints is left to `workers.skeleton.find_roles`.
"""

from __future__ import annotations

SPINE = ("hips", "spine", "chest", "upperChest", "neck", "head")
SIDES = ("left", "right")
ARM = ("Shoulder", "UpperArm", "LowerArm", "Hand")
LEG = ("UpperLeg", "LowerLeg", "Foot", "Toes")
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
THUMB_JOINTS = ("Metacarpal", "Proximal", "Distal")
FINGER_JOINTS = ("Proximal", "Intermediate", "Distal")
FACE = ("jaw", "leftEye", "rightEye")


def side_roles(side: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(side + part for part in parts)


def finger_roles(side: str, finger: str) -> tuple[str, ...]:
    """The three roles of a finger from the palm outward."""
    joints = THUMB_JOINTS if finger == "Thumb" else FINGER_JOINTS
    return tuple(f"{side}{finger}{joint}" for joint in joints)


HAND_ROLES = tuple(role for side in SIDES for finger in FINGERS for role in finger_roles(side, finger))
LIMB_ROLES = tuple(role for side in SIDES for role in (*side_roles(side, ARM), *side_roles(side, LEG)))
ALL_ROLES = (*SPINE, *LIMB_ROLES, *HAND_ROLES, *FACE)

# Without these there is no body to retarget; hands and feet may be missing on very simple rigs.
REQUIRED_ROLES = (
    "hips",
    *(role for side in SIDES for role in (f"{side}UpperArm", f"{side}LowerArm", f"{side}UpperLeg", f"{side}LowerLeg")),
)
CORE_ROLES = (
    "hips", "spine", "head",
    *(role for side in SIDES for role in (*side_roles(side, ARM), *side_roles(side, ("UpperLeg", "LowerLeg", "Foot")))),
)  # fmt: skip


def mirror(role: str) -> str:
    """The role on the other side; a middle role is its own mirror."""
    if role.startswith("left"):
        return "right" + role[4:]
    if role.startswith("right"):
        return "left" + role[5:]
    return role

"""BVH text of sample motions: the zero pose is the T pose, centimetres, Y up, channels ZXY.

Only for bodies of `body`, whose joint axes are parallel to the world in T pose; the service's own BVH results are
written elsewhere.
"""

from __future__ import annotations

import numpy as np

from workers.samples.body import SampleBody
from workers.samples.poses import SampleMotion
from workers.samples.rig import joint_name
from workers.samples.shape import PARENT_INDICES, ROLES
from workers.skeleton import quat
from workers.skeleton.model import Array

CM = 100.0


def motion_to_bvh(body: SampleBody, motion: SampleMotion, names: str = "roles") -> str:
    """The motion on its body's skeleton. `names` as in RigStyle."""
    lines = ["HIERARCHY"]
    order: list[int] = []
    _write_joint(body, names, 0, 0, lines, order)
    columns = [motion.hips_m * CM]
    for joint in order:
        parent, world = PARENT_INDICES[joint], motion.turns[:, joint]
        local = world if parent < 0 else quat.multiply(quat.conjugate(motion.turns[:, parent]), world)
        columns.append(np.degrees(quat.to_euler_zxy(local)))
    lines += ["MOTION", f"Frames: {len(motion.turns)}", f"Frame Time: {1.0 / motion.rate_hz:.8f}"]
    # Adding 0.0 turns a negative zero into a plain one.
    values = np.round(np.concatenate(columns, axis=1), 4) + 0.0
    lines += [" ".join(f"{value:.4f}" for value in row) for row in values]
    return "\n".join(lines) + "\n"


def _write_joint(body: SampleBody, names: str, joint: int, depth: int, lines: list[str], order: list[int]) -> None:
    order.append(joint)
    parent, tab = PARENT_INDICES[joint], "\t" * depth
    offset = body.joints_m[joint] - (body.joints_m[parent] if parent >= 0 else 0.0)
    position = "Xposition Yposition Zposition " if parent < 0 else ""
    lines += [
        f"{tab}{'ROOT' if parent < 0 else 'JOINT'} {joint_name(ROLES[joint], names)}",
        f"{tab}{{",
        f"{tab}\tOFFSET {_triple(offset)}",
        f"{tab}\tCHANNELS {6 if parent < 0 else 3} {position}Zrotation Xrotation Yrotation",
    ]
    children = [child for child, its_parent in enumerate(PARENT_INDICES) if its_parent == joint]
    for child in children:
        _write_joint(body, names, child, depth + 1, lines, order)
    if not children:
        lines += [f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\tOFFSET {_triple(_tip(body, joint))}", f"{tab}\t}}"]
    lines.append(f"{tab}}}")


def _triple(offset_m: Array) -> str:
    return " ".join(f"{value:.5f}" for value in np.round(offset_m * CM, 5) + 0.0)


def _tip(body: SampleBody, joint: int) -> Array:
    """End of a leaf joint, from the surface: the farthest of its own vertices along the bone, or up for the head."""
    role = ROLES[joint]
    here = body.joints_m[joint]
    axis = here - body.joints_m[PARENT_INDICES[joint]]
    if role == "head":
        axis = np.array([0.0, 1.0, 0.0])
    elif role.endswith("Toes"):
        axis = np.array([0.0, 0.0, 1.0])
    axis = quat.unit(axis)
    own = body.positions_m[np.argmax(body.weights, axis=1) == joint]
    return axis * float(np.max((own - here) @ axis))

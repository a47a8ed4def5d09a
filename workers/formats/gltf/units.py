"""Units of a glTF file. The specification says metres; a body of implausible size shows that the exporter did not.

The size is the longest way along the bones from one joint to another (hand to foot on a person, about 1.2 heights), so
it does not depend on the pose. Between 0.1 and 10 m the file is believed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.skeleton.model import Array, Indices, Notice, Units

MIN_M, MAX_M, USUAL_M = 0.1, 10.0, 2.0
_FACTORS = {0.01: "cm", 0.001: "mm", 0.0254: "inch", 0.1: "dm", 10.0: "10 m", 100.0: "100 m", 1000.0: "km"}


def longest_way(parents: Indices, offsets: Array, joints: NDArray[np.bool_]) -> float:
    """Longest path along the tree between two of `joints` `(n,)`; bones above the topmost joints do not count."""
    reach = np.zeros(len(parents))
    best = 0.0
    lengths = np.linalg.norm(offsets, axis=1)
    has_joint_above = np.zeros(len(parents), dtype=bool)
    holds_joint = joints.astype(bool).copy()
    for entry, parent in enumerate(parents):
        has_joint_above[entry] = parent >= 0 and (joints[parent] or has_joint_above[parent])
    for entry in range(len(parents) - 1, -1, -1):
        parent = int(parents[entry])
        if parent < 0 or not holds_joint[entry]:
            continue
        holds_joint[parent] = True
        if not has_joint_above[entry]:
            continue
        through = reach[entry] + lengths[entry]
        best = max(best, reach[parent] + through)
        reach[parent] = max(reach[parent], through)
    return float(best)


def assume_units(size: float) -> tuple[Units, list[Notice]]:
    """Units for a body whose longest way is `size` file units; 0 (no bones) is believed to be metres."""
    if size == 0.0 or MIN_M <= size <= MAX_M:
        return Units(1.0, "m", "Y", False, "glTF is in metres, Y up"), []
    factor = min(_FACTORS, key=lambda f: abs(np.log(size * f / USUAL_M)))
    if not MIN_M <= size * factor <= MAX_M:
        factor = USUAL_M / size
    unit = _FACTORS.get(factor, f"{factor:.3g} m")
    reason = f"the skeleton measures {size:,.4g} units hand to foot, no body in metres; taken as {unit}"
    return Units(factor, unit, "Y", True, reason), [Notice("units-guessed", reason)]

"""From what the network says to what `residual` knows: its turns in each node's axes to the residual's values.

The network's axes are those of the node above as it is turned away from the *aligned* rest pose, so that a rig's own
rest pose does not matter; the residual's are away from the rig's own. Between both lies one rotation a part and frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workers.motion.body_motion import BodyMotion
from workers.retargeting.alignment import RestAlignment
from workers.retargeting.network.nodes import NUMBER, node_joints, node_parents, node_turns, rest_turns
from workers.retargeting.residual import SWIVEL, DegreesOfFreedom, value_axes
from workers.skeleton import quat
from workers.skeleton.model import Array, Indices


@dataclass(frozen=True, eq=False)
class ValueMap:
    """`values[f, v] = matrix[f, v] . turn[f, node[v]]`: `node` `(values,)`, `matrix` `(frames, values, 3)`."""

    node: Indices
    matrix: Array

    def values(self, turns: Array) -> Array:
        """Residual values `(frames, values)` of the network's turns `(frames, nodes, 3)`."""
        result: Array = np.einsum("fvd,fvd->fv", self.matrix, turns[:, self.node])
        return result


def value_map(
    freedom: DegreesOfFreedom, motion: BodyMotion, alignment: RestAlignment, frames: Indices | slice = slice(None)
) -> ValueMap:
    """For some frames of the analytic result `motion`."""
    body, rotations, positions = motion.body, motion.rotations[frames], motion.positions_m[frames]
    turns = node_turns(body, rotations, rest_turns(body, alignment))
    parents = node_parents(node_joints(body) >= 0)
    nodes = np.zeros(freedom.values, dtype=np.int64)
    matrix = np.zeros((len(rotations), freedom.values, 3))
    for part in freedom.parts:
        span = slice(part.first, part.first + part.values)
        if part.name.endswith(SWIVEL):
            nodes[span] = NUMBER[part.name.removesuffix(SWIVEL) + "UpperLeg"]
            matrix[:, span, 0] = 1.0
            continue
        node = NUMBER[part.name]
        nodes[span] = node
        axes = quat.multiply(body.facing, turns[:, parents[node]])
        units = value_axes(body, part, rotations, positions)
        matrix[:, span] = quat.rotate(quat.conjugate(axes)[:, None], units)
    return ValueMap(nodes, matrix)

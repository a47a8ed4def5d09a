"""Compiled: winding numbers from a tree's moments, and whether they are more than a half.

After Barill et al. 2018, "Fast winding numbers for soups and clouds": a node that is far from the point for its size
stands for its faces by the sum of their area vectors and the first moments of these; near ones are asked face by face.
How far is far enough depends on what is asked: a number that is clearly not a half need not be known exactly.
"""

from __future__ import annotations

from math import pi, sqrt

from workers.geometry.queries.face_tree import FaceTree
from workers.geometry.queries.triangles import area_vector, solid_angle
from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Mask

# Radii from which on a node counts as far, from coarse to fine, and how far from a half a number must be to be believed
# there. Worst errors on real bodies, over 40,000 points: 0.21, 0.035 and 0.002.
FAR = (1.0, 2.0, 6.0)
SURE = (0.3, 0.06, 0.0)
# Columns of the moments of a node: the centre of its area, the squared distance from there to its farthest place, the
# sum of area vectors, xx yy zz xy+yx xz+zx yz+zy of (centre of face - centre) x area vector, and the area.
CENTRE, RADIUS, VECTOR, FIRST, AREA, COLUMNS = 0, 3, 4, 7, 13, 14


@compiled
def find_moments(tree: FaceTree, places: Array, boxes: Array, moments: Array) -> None:
    """Moments `(nodes, COLUMNS)` in a pose `places` `(vertices, 3)`; `boxes` are `bound_faces`'."""
    for node in range(len(tree.first) - 1, -1, -1):
        moments[node] = 0.0
        radius = 0.0
        if tree.held[node] > 0:
            area, x, y, z = 0.0, 0.0, 0.0, 0.0
            for face in range(tree.first[node], tree.first[node] + tree.held[node]):
                nx, ny, nz = area_vector(places, tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2])
                own = sqrt(nx * nx + ny * ny + nz * nz) + 1e-30  # a face without area has a centre too
                area += own
                for corner in range(3):
                    vertex = tree.corners[face, corner]
                    x += own * places[vertex, 0] / 3.0
                    y += own * places[vertex, 1] / 3.0
                    z += own * places[vertex, 2] / 3.0
            x, y, z = x / area, y / area, z / area
            moments[node, 0], moments[node, 1], moments[node, 2], moments[node, AREA] = x, y, z, area
            for face in range(tree.first[node], tree.first[node] + tree.held[node]):
                nx, ny, nz = area_vector(places, tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2])
                dx, dy, dz = 0.0, 0.0, 0.0
                for corner in range(3):
                    vertex = tree.corners[face, corner]
                    ax, ay, az = places[vertex, 0] - x, places[vertex, 1] - y, places[vertex, 2] - z
                    radius = max(radius, ax * ax + ay * ay + az * az)
                    dx, dy, dz = dx + ax / 3.0, dy + ay / 3.0, dz + az / 3.0
                add_moment(moments, node, dx, dy, dz, nx, ny, nz)
        else:
            left, right = node + 1, tree.after[node + 1]
            area = moments[left, AREA] + moments[right, AREA]
            moments[node, AREA] = area
            for axis in range(3):
                moments[node, axis] = (
                    moments[left, AREA] * moments[left, axis] + moments[right, AREA] * moments[right, axis]
                ) / area
            for side in range(2):
                child = right if side else left
                x = moments[child, 0] - moments[node, 0]
                y = moments[child, 1] - moments[node, 1]
                z = moments[child, 2] - moments[node, 2]
                radius = max(radius, sqrt(x * x + y * y + z * z) + sqrt(moments[child, RADIUS]))
                for column in range(FIRST, AREA):
                    moments[node, column] += moments[child, column]
                nx, ny, nz = moments[child, VECTOR], moments[child, VECTOR + 1], moments[child, VECTOR + 2]
                add_moment(moments, node, x, y, z, nx, ny, nz)
            radius *= radius
        x = max(moments[node, 0] - boxes[node, 0], boxes[node, 3] - moments[node, 0])
        y = max(moments[node, 1] - boxes[node, 1], boxes[node, 4] - moments[node, 1])
        z = max(moments[node, 2] - boxes[node, 2], boxes[node, 5] - moments[node, 2])
        moments[node, RADIUS] = min(radius, x * x + y * y + z * z)


@compiled
def add_moment(moments: Array, node: int, x: float, y: float, z: float, nx: float, ny: float, nz: float) -> None:
    """Add an area vector `n`, at a place from the node's centre, to a node."""
    moments[node, FIRST] += x * nx
    moments[node, FIRST + 1] += y * ny
    moments[node, FIRST + 2] += z * nz
    moments[node, FIRST + 3] += x * ny + y * nx
    moments[node, FIRST + 4] += x * nz + z * nx
    moments[node, FIRST + 5] += y * nz + z * ny
    moments[node, VECTOR] += nx
    moments[node, VECTOR + 1] += ny
    moments[node, VECTOR + 2] += nz


@compiled
def winding_number(
    tree: FaceTree, places: Array, moments: Array, x: float, y: float, z: float, number: int, far: float
) -> float:
    """Winding number of one tree of the forest around a point; nodes count as far from `far` of their radii on."""
    angle, node = 0.0, tree.roots[number]
    end, far_squared = tree.after[node], far * far
    while node < end:
        dx, dy, dz = moments[node, 0] - x, moments[node, 1] - y, moments[node, 2] - z
        squared = dx * dx + dy * dy + dz * dz
        if squared > far_squared * moments[node, RADIUS]:
            flux = moments[node, VECTOR] * dx + moments[node, VECTOR + 1] * dy + moments[node, VECTOR + 2] * dz
            spread = moments[node, FIRST] + moments[node, FIRST + 1] + moments[node, FIRST + 2]
            along = (
                moments[node, FIRST] * dx * dx
                + moments[node, FIRST + 1] * dy * dy
                + moments[node, FIRST + 2] * dz * dz
                + moments[node, FIRST + 3] * dx * dy
                + moments[node, FIRST + 4] * dx * dz
                + moments[node, FIRST + 5] * dy * dz
            )
            angle += (flux + spread - 3.0 * along / squared) / (squared * sqrt(squared))
            node = tree.after[node]
        elif tree.held[node] > 0:
            for face in range(tree.first[node], tree.first[node] + tree.held[node]):
                a, b, c = tree.corners[face, 0], tree.corners[face, 1], tree.corners[face, 2]
                angle += solid_angle(x, y, z, places, a, b, c)
            node = tree.after[node]
        else:
            node += 1
    return angle / (4.0 * pi)


@compiled
def winding(tree: FaceTree, places: Array, moments: Array, x: float, y: float, z: float, asked: Mask) -> float:
    """Winding number around a point of the trees that are `asked` `(trees,)` for, as exact as it takes to say whether
    it is more than a half.
    """
    total = 0.0
    for step in range(3):
        total = 0.0
        for number in range(len(tree.roots)):
            if asked[number]:
                total += winding_number(tree, places, moments, x, y, z, number, FAR[step])
        if abs(total - 0.5) > SURE[step]:
            break
    return total

"""Compiled: the closest place on a triangle, whether it is an open border, solid angle and area."""

from __future__ import annotations

from math import atan2, sqrt

from workers.platform.compiled import compiled
from workers.skeleton.model import Array, Mask

ON_EDGE = 1e-6  # share of the far corner at which a place lies on an edge


@compiled
def closest_on_triangle(
    x: float, y: float, z: float, places: Array, a: int, b: int, c: int
) -> tuple[float, float, float, float]:
    """Squared distance from a point to the triangle of three of `places` `(vertices, 3)`, and the barycentric shares of
    the closest place.

    By the regions of Ericson, "Real-Time Collision Detection" (2005), section 5.1.5.
    """
    a_x, a_y, a_z = places[a, 0], places[a, 1], places[a, 2]
    b_x, b_y, b_z = places[b, 0], places[b, 1], places[b, 2]
    c_x, c_y, c_z = places[c, 0], places[c, 1], places[c, 2]
    ab_x, ab_y, ab_z = b_x - a_x, b_y - a_y, b_z - a_z
    ac_x, ac_y, ac_z = c_x - a_x, c_y - a_y, c_z - a_z
    ap_x, ap_y, ap_z = x - a_x, y - a_y, z - a_z
    bp_x, bp_y, bp_z = x - b_x, y - b_y, z - b_z
    cp_x, cp_y, cp_z = x - c_x, y - c_y, z - c_z
    d1, d2 = ab_x * ap_x + ab_y * ap_y + ab_z * ap_z, ac_x * ap_x + ac_y * ap_y + ac_z * ap_z
    d3, d4 = ab_x * bp_x + ab_y * bp_y + ab_z * bp_z, ac_x * bp_x + ac_y * bp_y + ac_z * bp_z
    d5, d6 = ab_x * cp_x + ab_y * cp_y + ab_z * cp_z, ac_x * cp_x + ac_y * cp_y + ac_z * cp_z
    of_a, of_b, of_c = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    if d1 <= 0.0 and d2 <= 0.0:
        u, v, w = 1.0, 0.0, 0.0
    elif d3 >= 0.0 and d4 <= d3:
        u, v, w = 0.0, 1.0, 0.0
    elif d6 >= 0.0 and d5 <= d6:
        u, v, w = 0.0, 0.0, 1.0
    elif of_c <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / (d1 - d3)
        u, w = 1.0 - v, 0.0
    elif of_b <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / (d2 - d6)
        u, v = 1.0 - w, 0.0
    elif of_a <= 0.0 and d4 - d3 >= 0.0 and d5 - d6 >= 0.0:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        u, v = 0.0, 1.0 - w
    else:
        whole = of_a + of_b + of_c
        v, w = of_b / whole, of_c / whole
        u = 1.0 - v - w
    x -= u * a_x + v * b_x + w * c_x
    y -= u * a_y + v * b_y + w * c_y
    z -= u * a_z + v * b_z + w * c_z
    return x * x + y * y + z * z, u, v, w


@compiled
def on_border(border: Mask, border_corners: Mask, face: int, u: float, v: float, w: float) -> bool:
    """Whether a place with these shares of the corners of a face lies on an open border: `border` `(faces, 3)` says so
    of the edge opposite each corner, `border_corners` of the corner itself.
    """
    shares = (u, v, w)
    for corner in range(3):
        if shares[corner] < ON_EDGE and border[face, corner]:
            return True
        if shares[corner] > 1.0 - ON_EDGE and border_corners[face, corner]:
            return True
    return False


@compiled
def solid_angle(x: float, y: float, z: float, places: Array, a: int, b: int, c: int) -> float:
    """Signed solid angle of the triangle of three of `places` `(vertices, 3)` seen from a point, positive from its back
    (Van Oosterom and Strackee 1983).
    """
    ax, ay, az = places[a, 0] - x, places[a, 1] - y, places[a, 2] - z
    bx, by, bz = places[b, 0] - x, places[b, 1] - y, places[b, 2] - z
    cx, cy, cz = places[c, 0] - x, places[c, 1] - y, places[c, 2] - z
    length_a = sqrt(ax * ax + ay * ay + az * az)
    length_b = sqrt(bx * bx + by * by + bz * bz)
    length_c = sqrt(cx * cx + cy * cy + cz * cz)
    volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    under = (
        length_a * length_b * length_c
        + (ax * bx + ay * by + az * bz) * length_c
        + (bx * cx + by * cy + bz * cz) * length_a
        + (cx * ax + cy * ay + cz * az) * length_b
    )
    return 2.0 * atan2(volume, under)


@compiled
def area_vector(places: Array, a: int, b: int, c: int) -> tuple[float, float, float]:
    """Outward normal of the triangle of three of `places` `(vertices, 3)`, as long as its area."""
    ux, uy, uz = places[b, 0] - places[a, 0], places[b, 1] - places[a, 1], places[b, 2] - places[a, 2]
    vx, vy, vz = places[c, 0] - places[a, 0], places[c, 1] - places[a, 1], places[c, 2] - places[a, 2]
    return 0.5 * (uy * vz - uz * vy), 0.5 * (uz * vx - ux * vz), 0.5 * (ux * vy - uy * vx)

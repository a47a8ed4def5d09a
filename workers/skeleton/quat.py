"""Quaternions in numpy: xyzw, unit, active, batched over leading dimensions (`(..., 4)`).

Identity is (0, 0, 0, 1). `multiply(a, b)` is the rotation "b, then a". No function normalises its input except
`normalize`; results stay unit up to rounding. The sign of a quaternion carries no meaning: use `make_continuous`
along time before interpolating or writing. Formulas are the textbook ones (Shoemake 1985, "Animating rotation with
quaternion curves"; Dobrowolski 2015 for swing-twist).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

IDENTITY: Array = np.array([0.0, 0.0, 0.0, 1.0])
CONJUGATE: Array = np.array([-1.0, -1.0, -1.0, 1.0])
WINDOW = 1 << 18  # numbers worked on at a time where a clip may be long


def identity(*shape: int) -> Array:
    """Identity quaternions of shape `(*shape, 4)`."""
    result = np.zeros((*shape, 4))
    result[..., 3] = 1.0
    return result


def windows(values: Array) -> Iterator[slice | EllipsisType]:
    """Slices of the first axis that together are all of it, so short that what is made on the way of a long clip is no
    second clip; all of an array with one axis only.
    """
    if values.ndim < 2:
        yield ...
        return
    length = max(1, WINDOW // max(1, int(np.prod(values.shape[1:]))))
    for start in range(0, len(values), length):
        yield slice(start, start + length)


def normalize(q: ArrayLike) -> Array:
    """Unit quaternions; a zero quaternion becomes the identity."""
    q = np.asarray(q, dtype=np.float64)
    result = np.empty(q.shape)
    for some in windows(q):
        norm = np.sqrt(np.einsum("...i,...i->...", q[some], q[some]))[..., None]
        safe = np.where(norm > 1e-12, norm, 1.0)
        result[some] = np.where(norm > 1e-12, q[some] / safe, IDENTITY)
    return result


def multiply(a: Array, b: Array) -> Array:
    """Hamilton product: the rotation b followed by a. Broadcasts."""
    ax, ay, az, aw = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bx, by, bz, bw = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    result = np.empty((*np.broadcast_shapes(a.shape[:-1], b.shape[:-1]), 4))
    result[..., 0] = aw * bx + ax * bw + ay * bz - az * by
    result[..., 1] = aw * by - ax * bz + ay * bw + az * bx
    result[..., 2] = aw * bz + ax * by - ay * bx + az * bw
    result[..., 3] = aw * bw - ax * bx - ay * by - az * bz
    return result


def conjugate(q: Array) -> Array:
    """Inverse of a unit quaternion."""
    return q * CONJUGATE


def rotate(q: Array, v: ArrayLike) -> Array:
    """Vectors `(..., 3)` turned by quaternions `(..., 4)`. Broadcasts."""
    v = np.asarray(v, dtype=np.float64)
    x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    vx, vy, vz = v[..., 0], v[..., 1], v[..., 2]
    tx, ty, tz = 2.0 * (y * vz - z * vy), 2.0 * (z * vx - x * vz), 2.0 * (x * vy - y * vx)
    result = np.empty((*np.broadcast_shapes(q.shape[:-1], v.shape[:-1]), 3))
    result[..., 0] = vx + w * tx + y * tz - z * ty
    result[..., 1] = vy + w * ty + z * tx - x * tz
    result[..., 2] = vz + w * tz + x * ty - y * tx
    return result


def from_axis_angle(axis: ArrayLike, angle_rad: ArrayLike) -> Array:
    """Turn by `angle_rad` `(...)` about unit `axis` `(..., 3)`."""
    half = 0.5 * np.asarray(angle_rad, dtype=np.float64)
    axis = np.asarray(axis, dtype=np.float64)
    shape = np.broadcast_shapes(axis.shape[:-1], half.shape)
    result = np.empty((*shape, 4))
    result[..., :3] = axis * np.sin(half)[..., None]
    result[..., 3] = np.cos(half)
    return result


def from_rotation_vector(vector: ArrayLike) -> Array:
    """Exponential map: axis times angle in radians, `(..., 3)` to `(..., 4)`."""
    vector = np.asarray(vector, dtype=np.float64)
    angle = np.linalg.norm(vector, axis=-1)
    factor = 0.5 * np.sinc(angle / (2.0 * np.pi))
    return np.concatenate([vector * factor[..., None], np.cos(0.5 * angle)[..., None]], axis=-1)


def angle(q: Array) -> Array:
    """Rotation angle in [0, pi], radians."""
    result: Array = 2.0 * np.arctan2(np.linalg.norm(q[..., :3], axis=-1), np.abs(q[..., 3]))
    return result


def angle_between(a: Array, b: Array) -> Array:
    """Angle of the rotation from a to b, radians in [0, pi]."""
    return angle(multiply(conjugate(a), b))


def closest_rotation(matrices: Array) -> Array:
    """The rotation nearest to each `(..., 3, 3)` matrix (orthogonal Procrustes, by singular values)."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., :, 2] *= np.sign(np.linalg.det(u @ vt))[..., None]
    result: Array = u @ vt
    return result


def from_matrix(matrix: ArrayLike) -> Array:
    """Rotation matrices `(..., 3, 3)`, acting on columns, to quaternions (Shepperd's method, largest term first)."""
    m = np.asarray(matrix, dtype=np.float64)
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    choices = np.stack([m[..., 0, 0], m[..., 1, 1], m[..., 2, 2], trace], axis=-1)
    largest = np.argmax(choices, axis=-1)
    result = np.empty((*m.shape[:-2], 4))
    for axis in range(3):
        i, j, k = axis, (axis + 1) % 3, (axis + 2) % 3
        mask = largest == axis
        part = m[mask]
        q = np.empty((*part.shape[:-2], 4))
        q[..., i] = 1.0 - trace[mask] + 2.0 * part[..., i, i]
        q[..., j] = part[..., j, i] + part[..., i, j]
        q[..., k] = part[..., k, i] + part[..., i, k]
        q[..., 3] = part[..., k, j] - part[..., j, k]
        result[mask] = q
    mask = largest == 3
    part = m[mask]
    q = np.empty((*part.shape[:-2], 4))
    q[..., 0] = part[..., 2, 1] - part[..., 1, 2]
    q[..., 1] = part[..., 0, 2] - part[..., 2, 0]
    q[..., 2] = part[..., 1, 0] - part[..., 0, 1]
    q[..., 3] = 1.0 + trace[mask]
    result[mask] = q
    return normalize(result)


def to_matrix(q: Array) -> Array:
    """Rotation matrices `(..., 3, 3)` that act on column vectors."""
    x, y, z, w = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w),
        2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w),
        2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, axis=-1).reshape(*q.shape[:-1], 3, 3)


def between(a: ArrayLike, b: ArrayLike) -> Array:
    """Shortest turn that takes direction a to direction b, `(..., 3)` each, any length; for opposite ones about any
    normal.
    """
    a = unit(a)
    b = unit(b)
    a, b = np.broadcast_arrays(a, b)
    cosine = np.einsum("...i,...i->...", a, b)
    cross = np.cross(a, b)
    result = np.concatenate([cross, (1.0 + cosine)[..., None]], axis=-1)
    opposite = cosine < -1.0 + 1e-9
    if np.any(opposite):
        result = result.copy()
        result[opposite, :3] = perpendicular(a[opposite])
        result[opposite, 3] = 0.0
    return normalize(result)


def unit(v: ArrayLike) -> Array:
    """Vectors `(..., 3)` of length 1; zero stays zero."""
    v = np.asarray(v, dtype=np.float64)
    norm = np.sqrt(np.einsum("...i,...i->...", v, v))[..., None]
    result: Array = v / np.where(norm > 1e-12, norm, 1.0)
    return result


def perpendicular(v: ArrayLike) -> Array:
    """Some unit vector at right angles to each `(..., 3)`."""
    v = np.asarray(v, dtype=np.float64)
    helper = np.zeros_like(v)
    np.put_along_axis(helper, np.argmin(np.abs(v), axis=-1)[..., None], 1.0, axis=-1)
    return unit(np.cross(v, helper))


def frame(primary: ArrayLike, secondary: ArrayLike) -> Array:
    """Orientation whose X axis is `primary` and whose Y axis is the part of `secondary` at right angles to it.

    Both `(..., 3)`, any length; they must not be parallel. Returns quaternions that map the standard axes to the frame.
    """
    x = unit(primary)
    secondary = np.asarray(secondary, dtype=np.float64)
    y = unit(secondary - x * np.einsum("...i,...i->...", x, secondary)[..., None])
    return from_matrix(np.stack(np.broadcast_arrays(x, y, np.cross(x, y)), axis=-1))


def slerp(a: Array, b: Array, t: ArrayLike) -> Array:
    """Spherical interpolation along the shorter arc; `t` `(...)` in [0, 1]."""
    t = np.asarray(t, dtype=np.float64)
    dot = np.einsum("...i,...i->...", a, b)
    b = np.where(dot[..., None] < 0.0, -b, b)
    theta = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    sine = np.sin(theta)
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    wa = np.where(near, 1.0 - t, np.sin((1.0 - t) * theta) / safe)
    wb = np.where(near, t, np.sin(t * theta) / safe)
    return normalize(wa[..., None] * a + wb[..., None] * b)


def make_continuous(q: Array) -> Array:
    """Signs chosen along axis 0 (time) so that neighbours never point into opposite hemispheres."""
    if len(q) < 2:
        return q
    result = q.copy()
    turned = np.zeros(q.shape[1:-1], dtype=np.int64)  # whether the last frame's sign was changed
    for some in windows(q[1:]):
        flip = np.einsum("t...i,t...i->t...", q[1:][some], q[:-1][some]) < 0.0
        odd = (turned + np.cumsum(flip, axis=0)) % 2
        result[1:][some] *= np.where(odd == 1, -1.0, 1.0)[..., None]
        turned = odd[-1]
    return result


def swing_twist(q: Array, axis: ArrayLike) -> tuple[Array, Array]:
    """Split `q = swing * twist` with the twist about unit `axis` `(..., 3)` (Dobrowolski 2015)."""
    axis = np.asarray(axis, dtype=np.float64)
    along = np.einsum("...i,...i->...", q[..., :3], axis)
    twist = normalize(np.concatenate([along[..., None] * axis, q[..., 3:]], axis=-1))
    return multiply(q, conjugate(twist)), twist


def mean(q: Array, weights: Array | None = None) -> Array:
    """Average orientation of `(n, 4)`: the largest eigenvector of the outer products (Markley et al. 2007)."""
    weights = np.ones(len(q)) if weights is None else weights
    accumulated = np.einsum("n,ni,nj->ij", weights, q, q)
    return normalize(np.linalg.eigh(accumulated)[1][:, -1])


def from_euler(angles_rad: Array, order: str) -> Array:
    """Intrinsic rotations in the given order, as BVH lists its channels: `ZXY` is Z, then X about the new axis, then Y.

    `angles_rad` is `(..., n)` with one column for each letter of `order` (1 to 3 letters).
    """
    axes = np.eye(3)
    result = None
    for column, letter in enumerate(order.upper()):
        part = from_axis_angle(axes["XYZ".index(letter)], angles_rad[..., column])
        result = part if result is None else multiply(result, part)
    if result is None:
        return identity(*angles_rad.shape[:-1])
    return result


def to_euler_zxy(q: Array) -> Array:
    """Angles `(..., 3)` in radians for the intrinsic order Z, X, Y (BVH output); X lies in [-pi/2, pi/2].

    From R = Rz Rx Ry: sin x = R21, cos x = |(R01, R11)|, tan z = -R01 / R11, tan y = -R20 / R22. At the pole
    (|x| = pi/2) y is set to 0. The arc tangent keeps x exact near the pole, where an arc sine would not.
    """
    m = to_matrix(q)
    cosine = np.hypot(m[..., 0, 1], m[..., 1, 1])
    x = np.arctan2(m[..., 2, 1], cosine)
    pole = cosine < 1e-9
    z = np.where(pole, np.arctan2(m[..., 1, 0], m[..., 0, 0]), np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
    y = np.where(pole, 0.0, np.arctan2(-m[..., 2, 0], m[..., 2, 2]))
    return np.stack([z, x, y], axis=-1)

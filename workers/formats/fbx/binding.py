"""The one place that knows how to use the `ufbx` binding without it corrupting memory. For the child process only.

The C library is sound, version 0.0.5 of the binding is not: an object that Python frees may take with it what others
still use. So nothing is ever freed (`kept`), the cycle collector stays off, the process ends with `os._exit`, lists are
copied with `list`, and neither enumeration properties nor `parent` are read (`find_int` serves for the axes).
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

gc.disable()

import numpy as np  # noqa: E402
import ufbx  # noqa: E402

from workers.contract.errors import InputError, ParseFailed, TooLarge, UnsupportedFeature  # noqa: E402
from workers.skeleton.model import Array, Indices  # noqa: E402

Thing = TypeVar("Thing")
_KEPT: list[Any] = []
_MAX_NODE_DEPTH = 1000
_NO_MEMORY = (ufbx.OutOfMemoryError, ufbx.MemoryLimitError, ufbx.AllocationLimitError)
_SAYS_NOTHING = ("Failed to load", "Unknown error")


def kept(thing: Thing) -> Thing:
    """The object itself, which from now on lives as long as the process."""
    _KEPT.append(thing)
    return thing


def each(things: Any) -> Iterator[Any]:
    """The members of a list of the binding, all kept, also those that the caller never comes to."""
    yield from [kept(thing) for thing in list(kept(things))]


def load(data: bytes, name: str) -> Any:
    """The scene in metres, right-handed, Y up, with no transform on the root. Raises InputErrors."""
    try:
        return kept(
            ufbx.load_memory(
                data,
                file_format=ufbx.FileFormat.FBX,
                target_axes=ufbx.axes_right_handed_y_up,
                target_unit_meters=1.0,
                space_conversion=ufbx.SpaceConversion.MODIFY_GEOMETRY,
                inherit_mode_handling=ufbx.InheritModeHandling.HELPER_NODES,
                geometry_transform_handling=ufbx.GeometryTransformHandling.MODIFY_GEOMETRY,
                generate_missing_normals=True,
                normalize_normals=True,
                node_depth_limit=_MAX_NODE_DEPTH,
            )
        )
    except _NO_MEMORY:
        raise MemoryError from None
    except ufbx.UfbxError as error:
        raise _load_error(error, name) from None


def _load_error(error: Exception, name: str) -> InputError:
    if isinstance(error, ufbx.UnsupportedVersionError):
        return UnsupportedFeature(f"{name}: {_one_line(error)}; export it as FBX 2013 (7.3) or newer, or as GLB")
    if isinstance(error, ufbx.NodeDepthLimitError):
        return TooLarge(f"{name}: nodes lie more than {_MAX_NODE_DEPTH:,} deep; export only the skeleton and the mesh")
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (ufbx.TruncatedFileError, "the file ends too early; transfer or export it again"),
        (ufbx.EmptyFileError, "the file is empty; export it again"),
        (ufbx.UnrecognizedFileFormatError, "this is no FBX file inside; export it again"),
        (ufbx.BadIndexError, "a mesh refers to vertices that do not exist; export it again"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return ParseFailed(f"{name}: {reason}")
    reason = _one_line(error)
    told = "" if reason in _SAYS_NOTHING else f" ({reason})"
    return ParseFailed(f"{name}: damaged FBX{told}; export it again")


def _one_line(error: Exception) -> str:
    """What the library says, without addresses, source lines or control characters."""
    text = "".join(c if c.isprintable() else " " for c in str(error) or type(error).__name__)
    return " ".join(text.split())[:160]


def bake(scene: Any, animation: Any, rate_hz: float, frames: int) -> Any:
    """All layers of one stack as keys of plain translation, rotation and scale. Raises MemoryError."""
    try:
        return kept(
            ufbx.bake_anim(
                scene,
                animation,
                resample_rate=rate_hz,
                minimum_sample_rate=rate_hz,
                # The library's own limit of 32 would leave gaps between keys that lie further apart.
                max_keyframe_segments=max(32, frames + 1),
            )
        )
    except _NO_MEMORY:
        raise MemoryError from None


def sample_vectors(keys: Any, times: Iterable[float]) -> Array:
    """Baked translations or scales `(times, 3)`."""
    return np.array([ufbx.evaluate_baked_vec3(keys, time) for time in times], dtype=np.float64).reshape(-1, 3)


def sample_rotations(keys: Any, times: Iterable[float]) -> Array:
    """Baked quaternions `(times, 4)`."""
    return np.array([ufbx.evaluate_baked_quat(keys, time) for time in times], dtype=np.float64).reshape(-1, 4)


def vectors(values: Any, width: int) -> Array:
    return np.array(list(kept(values)), dtype=np.float64).reshape(-1, width)


def numbers(values: Any) -> Array:
    return np.array(list(kept(values)), dtype=np.float64)


def integers(values: Any, width: int = 1) -> Indices:
    result = np.array(list(kept(values)), dtype=np.int64)
    return result.reshape(-1, width) if width > 1 else result


def matrix(value: Any) -> Array:
    """A `(4, 4)` matrix from the binding's four columns of three."""
    result = np.eye(4)
    result[:3] = np.array(value, dtype=np.float64).T
    return result

"""USD text of a moving SMPL body, as exporters write it: skeleton, animation, unit, up axis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.formats.smpl.smpl_kit import Z_UP, Moving
from workers.skeleton import quat
from workers.skeleton.model import Array


def usda(
    moving: Moving,
    *,
    unit_m: float = 1.0,
    up: str = "Y",
    order: Sequence[int] | None = None,
    still: Sequence[int] = (),
    bind: bool = True,
    codes_a_second: float = 30.0,
    every: float = 1.0,
    stage_extra: str = "",
) -> bytes:
    """`order` is that of the skeleton's joints; `still` ones are not in the animation, so they stay at rest."""
    if up == "Z":
        moving = moving.turned(Z_UP)
    count = len(moving.joints)
    order = list(order if order is not None else range(count))
    paths = [""] * count
    for joint, parent in enumerate(moving.joints.parents):
        name = moving.joints.names[joint]
        paths[joint] = f"{paths[parent]}/{name}" if parent >= 0 else name
    rest = np.tile(np.eye(4), (count, 1, 1))
    rest[:, 3, :3] = moving.offsets / unit_m  # matrices act on rows
    if up == "Z":
        rest[0, :3, :3] = quat.to_matrix(Z_UP).T
    world = rest.copy()
    for joint, parent in enumerate(moving.joints.parents):
        if parent >= 0:
            world[joint] = rest[joint] @ world[parent]
    moved = [joint for joint in order if joint not in still]
    rotations = quat.from_rotation_vector(moving.vectors)
    places = np.broadcast_to(moving.offsets, moving.vectors.shape).copy()
    places[:, 0] = moving.root
    keys = [round(frame * every, 6) for frame in range(len(places))]
    lines = [
        "#usda 1.0",
        f'(\n metersPerUnit = {unit_m}\n upAxis = "{up}"\n timeCodesPerSecond = {codes_a_second}\n{stage_extra})',
        'def SkelRoot "Body"\n{',
        ' def Skeleton "Rig" (prepend apiSchemas = ["SkelBindingAPI"])\n {',
        f"  uniform token[] joints = {_tokens(paths, order)}",
        f"  uniform matrix4d[] restTransforms = {_matrices(rest[order])}",
        f"  uniform matrix4d[] bindTransforms = {_matrices(world[order])}" if bind else "",
        "  rel skel:animationSource = </Body/Anim>\n }",
        ' def SkelAnimation "Anim"\n {',
        f"  uniform token[] joints = {_tokens(paths, moved)}",
        "  quatf[] rotations.timeSamples = {",
        *(f"   {key}: [{_tuples(rotations[n][moved][:, [3, 0, 1, 2]])}]," for n, key in enumerate(keys)),
        "  }\n  float3[] translations.timeSamples = {",
        *(f"   {key}: [{_tuples(places[n][moved] / unit_m)}]," for n, key in enumerate(keys)),
        f"  }}\n  half3[] scales = [{_tuples(np.ones((len(moved), 3)))}]\n }}\n}}",
    ]
    return "\n".join(lines).encode()


def converted(text: bytes, folder: Path, ending: str) -> bytes:
    """The same as `usdc` or `usdz`, by usd-core in a process of its own."""
    (folder / "motion.usda").write_bytes(text)
    program = (
        "import sys\nfrom pxr import Sdf, UsdUtils\nlayer = Sdf.Layer.FindOrOpen('motion.usda')\n"
        "assert layer.Export('motion.usdc')\n"
        "assert UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath('motion.usdc'), 'motion.usdz')\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True, capture_output=True)
    return (folder / f"motion.{ending}").read_bytes()


def _tokens(paths: Sequence[str], order: Sequence[int]) -> str:
    return "[" + ", ".join(f'"{paths[joint]}"' for joint in order) + "]"


def _tuples(rows: Array) -> str:
    return ", ".join("(" + ", ".join(f"{value:.9g}" for value in row) + ")" for row in rows)


def _matrices(matrices: Array) -> str:
    return "[" + ", ".join(f"({_tuples(matrix)})" for matrix in matrices) + "]"

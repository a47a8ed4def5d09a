"""BVH text for tests: a person in any unit, axis, pose and channel order, written without the code under test."""

from __future__ import annotations

import numpy as np

from workers.formats.bundle import FileBundle
from workers.formats.bvh.read import read_bvh
from workers.skeleton.model import Scene

# name, parent, offset in metres, Y up, T pose, facing +Z. Stature 1.75 m.
PERSON = (
    ("Hips", -1, (0.0, 0.93, 0.0)),
    ("Spine", 0, (0.0, 0.12, 0.0)),
    ("Chest", 1, (0.0, 0.20, 0.0)),
    ("Neck", 2, (0.0, 0.22, 0.0)),
    ("Head", 3, (0.0, 0.10, 0.0)),
    ("LeftShoulder", 2, (0.05, 0.15, 0.0)),
    ("LeftArm", 5, (0.12, 0.0, 0.0)),
    ("LeftForeArm", 6, (0.28, 0.0, 0.0)),
    ("LeftHand", 7, (0.25, 0.0, 0.0)),
    ("RightShoulder", 2, (-0.05, 0.15, 0.0)),
    ("RightArm", 9, (-0.12, 0.0, 0.0)),
    ("RightForeArm", 10, (-0.28, 0.0, 0.0)),
    ("RightHand", 11, (-0.25, 0.0, 0.0)),
    ("LeftUpLeg", 0, (0.09, -0.02, 0.0)),
    ("LeftLeg", 13, (0.0, -0.42, 0.0)),
    ("LeftFoot", 14, (0.0, -0.42, 0.0)),
    ("RightUpLeg", 0, (-0.09, -0.02, 0.0)),
    ("RightLeg", 16, (0.0, -0.42, 0.0)),
    ("RightFoot", 17, (0.0, -0.42, 0.0)),
)
ENDS = {4: (0.0, 0.18, 0.0), 8: (0.18, 0.0, 0.0), 12: (-0.18, 0.0, 0.0), 15: (0.0, -0.07, 0.15), 18: (0.0, -0.07, 0.15)}
# Columns: where the file's x, y, z point in Y-up metres; file = TO_FILE[up] @ y_up.
TO_FILE = {
    "Y": np.eye(3),
    "Z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "X": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
}


def person(
    rows: np.ndarray | None = None,
    *,
    scale: float = 100.0,
    up: str = "Y",
    rotation: str = "ZXY",
    position_first: bool = True,
    positions_everywhere: bool = False,
    frame_time: str = "0.033333",
) -> str:
    """The person as BVH; `rows` default to two frames standing at the bind place. `scale` is file units per metre."""
    to_file = TO_FILE[up] * scale
    lines = ["HIERARCHY"]
    turns = " ".join(f"{axis}rotation" for axis in rotation)
    moves = "Xposition Yposition Zposition"
    six = f"6 {moves} {turns}" if position_first else f"6 {turns} {moves}"
    depth = 0
    open_joints: list[int] = []
    standing: list[float] = []
    for joint, (name, parent, offset) in enumerate(PERSON):
        while open_joints and open_joints[-1] != parent:
            open_joints.pop()
            depth -= 1
            lines.append("\t" * depth + "}")
        moving = parent < 0 or positions_everywhere
        place = to_file @ np.array(offset)
        lines.append("\t" * depth + f"{'ROOT' if parent < 0 else 'JOINT'} {name}")
        lines.append("\t" * depth + "{")
        depth += 1
        lines.append("\t" * depth + "OFFSET " + " ".join(f"{v:.6f}" for v in place))
        lines.append("\t" * depth + f"CHANNELS {six if moving else '3 ' + turns}")
        zero = [0.0, 0.0, 0.0]
        standing += ([*place, *zero] if position_first else [*zero, *place]) if moving else zero
        if joint in ENDS:
            end = " ".join(f"{v:.6f}" for v in to_file @ np.array(ENDS[joint]))
            lines += ["\t" * depth + "End Site", "\t" * depth + "{", "\t" * depth + f"OFFSET {end}", "\t" * depth + "}"]
        open_joints.append(joint)
    while depth:
        depth -= 1
        lines.append("\t" * depth + "}")
    rows = np.array([standing, standing]) if rows is None else rows
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {frame_time}"]
    return "\n".join(lines + [" ".join(f"{v:.6f}" for v in row) for row in rows]) + "\n"


def person_channels() -> int:
    return 3 + 3 * len(PERSON)


def swinging_rows(frames: int = 12, seed: int = 0, degrees: float = 25.0) -> np.ndarray:
    """Standing with smoothly swinging joints, channels as in `person()` (centimetres, root position first, ZXY)."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0.0, 2.0 * np.pi, frames)[:, None] + rng.uniform(0, 6, person_channels())
    rows = degrees * np.sin(phase)
    rows[:, :3] = [5.0, 93.0, -8.0] + 3.0 * np.sin(phase[:, :3])
    rows[:, 3:6] *= 0.3
    return rows


def scene_of(text: str | bytes, name: str = "clip.bvh") -> Scene:
    return read_bvh(FileBundle(name, text.encode() if isinstance(text, str) else text))


def with_branch(text: str, parent: str, offsets: list[tuple[float, float, float]], name: str = "helper") -> str:
    """The BVH with a chain of joints that never turn below `parent`: the last offset is its End Site's, file units."""
    head, motion = text.split("MOTION\n")
    lines = head.splitlines()
    at = next(n for n, line in enumerate(lines) if line.split()[:2] in (["JOINT", parent], ["ROOT", parent])) + 3
    channels = sum(int(line.split()[1]) for line in lines[: at + 1] if line.strip().startswith("CHANNELS"))
    branch: list[str] = []
    for number, offset in enumerate(offsets[:-1]):
        place = " ".join(f"{v:.6f}" for v in offset)
        branch += [f"JOINT {name}{number}", "{", f"OFFSET {place}", "CHANNELS 3 Zrotation Xrotation Yrotation"]
    end = " ".join(f"{v:.6f}" for v in offsets[-1])
    branch += ["End Site", "{", f"OFFSET {end}", "}", *["}"] * (len(offsets) - 1)]
    lines[at + 1 : at + 1] = branch
    count, frame_time, *rows = motion.splitlines()
    still = ["0"] * (3 * (len(offsets) - 1))
    values = [row.split() for row in rows]
    rows = [" ".join([*row[:channels], *still, *row[channels:]]) for row in values]
    return "\n".join([*lines, "MOTION", count, frame_time, *rows]) + "\n"

"""Convention: the joint names of a naming standard as a tree, and which roles they are.

A file holds `joints` (names, indented by depth), `roles` (role -> name), `either` (roles with other right answers, or
roles that may be found but need not be), `source` (who published them) and `files` (real files of that convention).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources.abc import Traversable


@dataclass(frozen=True)
class Convention:
    """Joints with their parents, parents first, -1 for a root."""

    name: str
    title: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    roles: dict[str, str]
    either: dict[str, list[str]]
    files: tuple[str, ...]

    @property
    def role_of(self) -> dict[int, str]:
        """Joint -> role."""
        return {self.joints.index(name): role for role, name in self.roles.items()}


def read_convention(path: Traversable) -> Convention:
    data = json.loads(path.read_text(encoding="utf-8"))
    stack: list[int] = []
    parents = []
    for index, line in enumerate(data["joints"]):
        depth = len(line) - len(line.lstrip(" "))
        del stack[depth:]
        parents.append(stack[-1] if stack else -1)
        stack.append(index)
    return Convention(
        path.name.removesuffix(".json"),
        data["convention"],
        tuple(line.strip() for line in data["joints"]),
        tuple(parents),
        data["roles"],
        data.get("either", {}),
        tuple(data.get("files", ())),
    )

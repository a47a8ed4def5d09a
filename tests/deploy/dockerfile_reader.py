"""A small Dockerfile reader for the deployment checks: stages of (instruction, value), continuation lines joined."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((REPOSITORY / "docker").glob("*.Dockerfile"))


@dataclass
class Stage:
    base: str
    name: str | None
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        return [value for name, value in self.instructions if name == instruction]

    def environment(self) -> dict[str, str]:
        """ENV of this stage, `KEY=value` pairs without spaces in them."""
        return dict(pair.split("=", 1) for value in self.values("ENV") for pair in value.split())

    def exec_form(self, instruction: str) -> list[str]:
        """The last CMD, ENTRYPOINT or HEALTHCHECK command as an argument list; must be in exec form."""
        value = re.sub(r"^(--\S+\s+)*(CMD\s+)?", "", self.values(instruction)[-1]) if self.values(instruction) else "[]"
        words: list[str] = json.loads(value)
        return words


def read_stages(path: Path) -> list[Stage]:
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    stages: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        instruction, value = line.split(None, 1)
        if instruction == "FROM":
            match = re.fullmatch(r"(\S+)(?:\s+AS\s+(\S+))?", value.strip())
            assert match, line
            stages.append(Stage(match[1], match[2]))
        else:
            assert stages, f"{path.name}: {instruction} before FROM"
            stages[-1].instructions.append((instruction, " ".join(value.split())))
    return stages

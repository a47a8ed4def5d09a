"""The Khronos glTF validator (npm package `gltf-validator`), run by Node.js in a child process.

An independent judge of what we write; nothing at run time depends on it. The package's folder is named by
RETARGET_GLTF_VALIDATOR or lies in `.venv/gltf-validator/node_modules/gltf-validator` of the checkout, where
`tests/tools/install_node_packages.sh` puts it. Reports are the validator's own JSON (severity 0 is an error).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = """
const validator = require(process.argv[1]);
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
validator.validateBytes(bytes(input.data), {
  maxIssues: 0,
  writeTimestamp: false,
  externalResourceFunction: (uri) => decodeURIComponent(uri) in input.resources
    ? Promise.resolve(bytes(input.resources[decodeURIComponent(uri)])) : Promise.reject('not there'),
}).then((report) => console.log(JSON.stringify(report)),
        (error) => console.log(JSON.stringify({ failure: String(error) })));
"""


@dataclass(frozen=True)
class GltfValidator:
    """`node` is the Node.js program, `package` the folder of the npm package."""

    node: str
    package: Path

    def validate(
        self, data: bytes, resources: Mapping[str, bytes] | None = None, timeout_s: float = 60.0
    ) -> dict[str, Any]:
        """The report on a `.glb` or `.gltf`; `resources` are the files beside it by relative path.

        A file that the validator refuses to parse at all gives `{"failure": reason}`. Raises RuntimeError when the
        validator itself does not run.
        """
        encoded = {path: base64.b64encode(content).decode() for path, content in (resources or {}).items()}
        request = json.dumps({"data": base64.b64encode(data).decode(), "resources": encoded})
        done = subprocess.run(
            [self.node, "-e", _SCRIPT, str(self.package)],
            input=request, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"gltf-validator did not run: {done.stderr.strip()[-300:]}")
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def find_validator() -> GltfValidator | None:
    """The installed validator, or None where Node.js or the package is missing."""
    node = shutil.which("node")
    default = Path(__file__).resolve().parents[2] / ".venv" / "gltf-validator" / "node_modules" / "gltf-validator"
    package = Path(os.environ.get("RETARGET_GLTF_VALIDATOR", default))
    if node is None or not (package / "index.js").is_file():
        return None
    return GltfValidator(node, package)


def validate(data: bytes, resources: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    """The report of the installed validator. Raises RuntimeError where there is none."""
    validator = find_validator()
    if validator is None:
        raise RuntimeError("no gltf-validator: run tests/tools/install_node_packages.sh (needs Node.js and npm)")
    return validator.validate(data, resources)


def error_counts(report: Mapping[str, Any]) -> Counter[str]:
    """How often each error (severity 0) occurs in a report, by code; a file refused outright counts as `FAILURE`."""
    if "failure" in report:
        return Counter({"FAILURE": 1})
    return Counter(m["code"] for m in report["issues"]["messages"] if m["severity"] == 0)


def new_errors(before: Mapping[str, Any], after: Mapping[str, Any]) -> Counter[str]:
    """Errors of `after` beyond those that `before` had already."""
    return error_counts(after) - error_counts(before)

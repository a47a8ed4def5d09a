"""What can be known of a job's options before it runs is refused at the door: names that do not exist anywhere.

Whether a model that exists is installed is the workers' to know: jobs go to those that have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from model_store.catalogue import find_manifest
from workers.contract.errors import InvalidOptions
from workers.contract.options import JobOptions
from workers.contract.roles import ALL_ROLES
from workers.retargeting.methods import AUTO, METHODS, choose_method

NO_ENCODER = "none"
LOOKED_AT_BYTES = 512 * 1024
_FRAMES = re.compile(rb"^\s*Frames:\s*(\d{1,9})\s*$", re.MULTILINE)


def check_at_the_door(options: JobOptions) -> None:
    """Raises InvalidOptions, ModelUnavailable for a method that no worker has code for."""
    _check_roles(options)
    _check_encoder(options.encoder)
    method = next((row for row in METHODS if row.name == options.method), None)
    if options.method != AUTO and method is not None and method.implementation is None:
        choose_method(method.name)


def check_rest_frame(rest_pose: object, name: str, head: Callable[[int], bytes]) -> None:
    """Raises InvalidOptions for a rest frame that a BVH, which tells its frames in its head, does not have.

    `head` gives the first bytes of the motion file `name`. Other formats have to be read for it, which is a worker's.
    """
    if not isinstance(rest_pose, int) or not name.lower().endswith(".bvh"):
        return
    found = _FRAMES.search(head(LOOKED_AT_BYTES))
    if found is not None and rest_pose >= int(found[1]):
        raise _refused("/rest_pose", f"{name} has {int(found[1]):,} frames, so there is no frame {rest_pose:,}")


def _check_roles(options: JobOptions) -> None:
    for side in ("source", "target"):
        for role in getattr(options.mapping, side):
            if role not in ALL_ROLES:
                message = f"unknown role {role[:60]!r}; roles are VRM 1.0 humanoid bone names, such as leftUpperArm"
                raise _refused(f"/mapping/{side}/{role[:60]}", message)


def _check_encoder(name: str | None) -> None:
    if name in (None, NO_ENCODER):
        return
    try:
        manifest = find_manifest(str(name))
    except InvalidOptions as error:
        raise _refused("/encoder", f"{error.detail}; or 'none'") from None
    if manifest.encoder is None:
        raise _refused("/encoder", f"model {manifest.reference} runs a {manifest.runs.kind}, which scores nothing")


def _refused(pointer: str, message: str) -> InvalidOptions:
    return InvalidOptions(
        f"options: {pointer}: {message}", errors=[{"pointer": f"/options{pointer}", "message": message}]
    )

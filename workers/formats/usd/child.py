"""`python -m workers.formats.usd.child`: one USD file in on standard input, one GLB with facts out on standard output.

Limits and replies are those of the FBX child (`workers.formats.fbx.child`).
"""

from __future__ import annotations

from workers.contract.errors import InputError, UnsupportedFeature
from workers.formats.fbx.child import serve
from workers.formats.fbx.message import pack
from workers.formats.limits import Limits


def convert(data: bytes, name: str, limits: Limits, siblings: list[str]) -> bytes:
    """The reply. Raises InputErrors; UnsupportedFeature where `usd-core` is not installed."""
    try:
        # Imported under the limits, and only here: native code must never be loaded into a process that goes on.
        from workers.formats.usd.layer import open_stage
        from workers.formats.usd.skel import read_skel
    except ImportError:
        raise UnsupportedFeature(
            f"{name}: reading USD takes the package usd-core, which is not installed here; install "
            "'motion-retargeting-service[usd]', or convert the file to GLB"
        ) from None
    from workers.formats.fbx.glb import build_glb

    motion = read_skel(open_stage(data, name, limits.file_bytes), name, limits)
    try:
        glb = build_glb(motion.scene, motion.facts["rate_hz"])
    except InputError as error:
        raise type(error)(f"{name}: {error.detail}", **error.extra) from None
    return pack({"facts": motion.facts, "notices": motion.scene.notices}, glb)


if __name__ == "__main__":
    serve(convert, "USD")

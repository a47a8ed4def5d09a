"""Which packages the pictures of a job need, and whether they are here. Imports none of them."""

from __future__ import annotations

from importlib.util import find_spec

from workers.contract.errors import ModelUnavailable
from workers.contract.options import JobOptions

PACKAGES = {"webp": ("torch", "PIL"), "webm": ("torch", "PIL", "av")}


SCENE_PACKAGES = ("torch",)


def check_pictures(options: JobOptions) -> None:
    """Raises ModelUnavailable where a package is missing that the pictures need; imports none."""
    asked = [(f"preview: {options.preview_format}", PACKAGES[options.preview_format])] if options.preview else []
    asked += [("scene: it", SCENE_PACKAGES)] if options.scene else []
    for what, package in ((what, package) for what, packages in asked for package in packages):
        if not _installed(package):
            raise ModelUnavailable(
                f"{what} needs the package {package}, which is not installed; run: "
                "pip install 'motion-retargeting-service[worker]', or leave the option out"
            )


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # a module that was put in place of the package
        return False

"""One USD file as a stage that reaches for no other file. In the child only: `pxr` is native code.

A layer may name others, which USD fetches from any path when the stage is put together. One that does is refused, the
names told. The bytes lie in memory or in a file without a name, never under a path of the user's. An USDZ is a zip
whose first entry is the layer; what else is in it (pictures) is left in there.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any, cast

from pxr import Sdf, Usd

from workers.contract.errors import ParseFailed, UnsupportedFeature
from workers.formats.entry_names import shown

BINARY = b"PXR-USDC"
_IN_MEMORY = hasattr(os, "memfd_create")
_FLATTEN = "flatten it into one file with 'usdcat --flatten', or convert it to GLB"


def open_stage(data: bytes, name: str, most_bytes: int) -> Any:
    """The stage of a file's bytes. Raises ParseFailed for damage, UnsupportedFeature for a file that needs others."""
    content = _first_entry(data, name, most_bytes) if data.startswith(b"PK") else data
    layer = Sdf.Layer.CreateAnonymous("motion.usdc" if content.startswith(BINARY) else "motion.usda")
    with _nameless_file() as file:
        file.write(content)
        file.flush()
        try:
            is_read = layer.Import(f"/proc/self/fd/{file.fileno()}" if _IN_MEMORY else file.name)
        except Exception:  # Tf.ErrorException, which is told to be caught so
            is_read = False
        if not is_read:
            text = f"{name}: the USD is damaged or of a version that is not known; export it again"
            raise ParseFailed(text)
        _check_alone(layer, name)
        return Usd.Stage.Open(layer)


def _nameless_file() -> IO[bytes]:
    """In memory where the system can: in the sandbox this process may write nowhere else."""
    if _IN_MEMORY:
        return os.fdopen(os.memfd_create("retarget-usd", os.MFD_CLOEXEC), "w+b")
    return cast(IO[bytes], tempfile.NamedTemporaryFile())


def _first_entry(data: bytes, name: str, most_bytes: int) -> bytes:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entry = archive.infolist()[0]
        with archive.open(entry) as stream:
            content = stream.read(most_bytes + 1)
    except Exception:  # whatever zipfile lets through on damage
        raise ParseFailed(f"{name}: the USDZ is damaged; export it again") from None
    if len(content) > most_bytes:
        raise ParseFailed(f"{name}: the layer in the USDZ unpacks to more than fits; export the animation alone")
    return content


def _check_alone(layer: Any, name: str) -> None:
    others = sorted({*layer.GetCompositionAssetDependencies(), *layer.subLayerPaths})
    if others:
        listed = ", ".join(shown(str(other)) for other in others[:3])
        raise UnsupportedFeature(f"{name}: it refers to other files ({listed}), which are not fetched; {_FLATTEN}")
    if any("clips" in prim.ListInfoKeys() for prim in _prims(layer)):
        raise UnsupportedFeature(f"{name}: it takes its values from other files (value clips); {_FLATTEN}")


def _prims(layer: Any) -> Iterator[Any]:
    """All prim specs, those inside variants too."""
    paths: list[Any] = []
    layer.Traverse(Sdf.Path.absoluteRootPath, paths.append)
    for path in paths:
        if path.IsPrimPath() or path.IsPrimVariantSelectionPath():
            spec = layer.GetPrimAtPath(path)
            if spec is not None:
                yield spec

"""Which encoder a job is scored with, decided before anything runs; imports no torch.

A job's option `encoder` names one, or is `none` for no semantic scores. Where it names none, `RETARGET_ENCODER` does,
and where that is not set the built-in encoder is taken. What was named and cannot be had is an error; the built-in one
that cannot be had leaves the scores absent, with reason, remedy and a warning.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from model_store.catalogue import find_manifest
from model_store.status import resolve
from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.skeleton.model import Notice

BUILT_IN = "eye"
OFF = "none"
SWITCHED_OFF = "encoder: 'none' switches semantic scores off"


@dataclass(frozen=True)
class EncoderChoice:
    """`reference` is the model's name in the store, None where nothing is scored for `reason`.

    `required` tells whether someone named it, so that its failure is the job's.
    """

    reference: str | None
    reason: str = ""
    required: bool = False
    notices: tuple[Notice, ...] = ()

    @property
    def packaged(self) -> bool:
        """Whether the encoder is one that comes with the project: small, made for its own pictures."""
        return self.reference is not None and find_manifest(self.reference).source.kind == "packaged"

    def without(self, reason: str) -> EncoderChoice:
        """No encoder after all."""
        return EncoderChoice(None, reason, notices=(Notice("meaning-not-measured", reason),))


def choose_encoder(wanted: str | None) -> EncoderChoice:
    """`wanted` is the option. Raises InvalidOptions for an unknown name, ModelUnavailable with the command to run."""
    named = wanted or os.environ.get("RETARGET_ENCODER") or None
    if named == OFF:
        return EncoderChoice(None, SWITCHED_OFF)
    choice = EncoderChoice(named or BUILT_IN, required=named is not None)
    try:
        check_ready(choice.reference or BUILT_IN)
    except InvalidOptions as error:
        if choice.required:
            text = f"encoder: {error.detail}; or 'none'"
            raise InvalidOptions(text, errors=[{"pointer": "/encoder", "message": error.detail}]) from None
        return choice.without(f"meaning is not measured: {error.detail}")
    except ModelUnavailable as error:
        if choice.required:
            raise
        return choice.without(f"meaning is not measured: {error.detail}")
    return choice


def check_ready(reference: str) -> None:
    """Whether the model is here and what runs it is installed, by names and sizes. Raises as `choose_encoder`."""
    manifest = find_manifest(reference)
    if manifest.encoder is None:
        raise InvalidOptions(f"model {manifest.reference} runs a {manifest.runs.kind}, which scores nothing")
    packages = ("torch", "safetensors") if manifest.source.kind == "packaged" else ("torch", "transformers")
    for package in packages:
        if find_spec(package) is None:
            extra = "semantics" if package == "transformers" else "worker"
            raise ModelUnavailable(
                f"encoder {manifest.reference} needs the package {package}, which is not installed; run: "
                f"pip install 'motion-retargeting-service[{extra}]'",
                model=manifest.name,
            )
    resolve(reference)

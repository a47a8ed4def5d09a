"""From a model's name to an encoder that is ready: resolved in the model store, loaded, on its device.

A new kind of encoder is one line in `KINDS`: the encoder that a manifest runs, by name, and its class.
"""

from __future__ import annotations

import importlib
import os
from collections import Counter
from typing import Literal

import torch

from model_store.manifest import Dtype
from model_store.status import resolve
from workers.contract.errors import InvalidOptions
from workers.semantics.encoders.base import Encoder

_HERE = "workers.semantics.encoders"
KINDS = {
    "blip-itm": f"{_HERE}.blip:BlipMatchingEncoder",
    "blip-vqa": f"{_HERE}.blip:BlipAnsweringEncoder",
    "blip2-itm": f"{_HERE}.blip2:Blip2MatchingEncoder",
    "blip2-flan-t5": f"{_HERE}.flan_t5:Blip2FlanT5Encoder",
    "instructblip": f"{_HERE}.flan_t5:InstructBlipEncoder",
    "clip": f"{_HERE}.contrastive:ClipEncoder",
    "siglip": f"{_HERE}.contrastive:SiglipEncoder",
    "xclip": f"{_HERE}.xclip:XClipEncoder",
    "eye": f"{_HERE}.builtin:BuiltinEncoder",
}
BATCH_SIZE = 8
LOADED: Counter[str] = Counter()  # by this process: NAME@VERSION -> how often

DeviceChoice = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[DeviceChoice, ...] = ("auto", "cpu", "cuda")


def load_encoder(
    reference: str, device: DeviceChoice = "auto", dtype: Dtype | None = None, batch_size: int = BATCH_SIZE
) -> Encoder:
    """The encoder `name` or `name@version`; `dtype` overrides its manifest's policy for the device.

    Raises InvalidOptions for an unknown name or an unusable device, ModelUnavailable with the command to run.
    """
    installed = resolve(reference)
    manifest = installed.manifest
    kind = KINDS.get(manifest.encoder or "")
    if kind is None:
        raise InvalidOptions(
            f"model {manifest.reference} runs the {manifest.runs.kind} {manifest.runs.name!r}; encoders that this "
            f"version knows: {', '.join(sorted(KINDS))}"
        )
    chosen = choose_device(device)
    precision = dtype or (manifest.dtype.cuda if chosen.type == "cuda" else manifest.dtype.cpu)
    module, _, name = kind.partition(":")
    encoder: Encoder = getattr(importlib.import_module(module), name)(
        manifest, installed.identity, installed.folder, chosen, getattr(torch, precision), batch_size
    )
    LOADED[manifest.reference] += 1
    return encoder


def choose_device(device: DeviceChoice) -> torch.device:
    """`auto` takes what RETARGET_DEVICE says, else CUDA where it works. Raises InvalidOptions where CUDA is asked for
    and absent, or the setting names something else.
    """
    if device == "auto":
        named = os.environ.get("RETARGET_DEVICE") or "auto"
        chosen = next((each for each in DEVICES if each == named), None)
        if chosen is None:
            raise InvalidOptions(f"RETARGET_DEVICE is {named!r}; choose from {', '.join(DEVICES)}")
        device = chosen
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidOptions("there is no usable CUDA device; choose the device cpu or auto")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")

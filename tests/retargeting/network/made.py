"""A network that says something on any clip, and the sample characters as a job would give them to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from workers.contract.options import JobOptions
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation.prepare import PreparedCharacter, PreparedMotion, prepare_character, prepare_motion
from workers.retargeting.methods import Method
from workers.retargeting.network.architecture import Architecture, ResidualNetwork
from workers.retargeting.network.retargeter import NetworkRetargeter
from workers.samples.body import build_body
from workers.samples.clips import CLIPS
from workers.samples.glb import make_character
from workers.samples.rig import RigStyle
from workers.samples.shape import STOUT, TALL

SMALL = Architecture(channels=16, heads=2, decoder_blocks=2)


@dataclass(frozen=True)
class InMemory(Method):
    """A method whose network was made here."""

    network: Any = None

    def open(self) -> NetworkRetargeter:
        return NetworkRetargeter(self.network)


def method_of(network: ResidualNetwork) -> Method:
    return InMemory("smt", "a network of a test", None, learned=True, network=network)


def silent(architecture: Architecture = SMALL) -> ResidualNetwork:
    """As it is before any training: it says nothing."""
    torch.manual_seed(3)
    return ResidualNetwork(architecture).eval()


def talking(architecture: Architecture = SMALL, loud: float = 0.05) -> ResidualNetwork:
    network = silent(architecture)
    with torch.no_grad():
        torch.nn.init.normal_(network.write.weight, std=loud)
        torch.nn.init.normal_(network.write.bias, std=loud)
    return network


@cache
def character(style: RigStyle = RigStyle()) -> PreparedCharacter:  # noqa: B008  (frozen)
    return prepare_character(read_scene(FileBundle("stout.glb", make_character(STOUT, style))), {})


@cache
def motion(name: str, style: RigStyle = RigStyle()) -> PreparedMotion:  # noqa: B008
    """A sample clip of the tall body, with its skin."""
    (make,) = [clip for clip in CLIPS if clip.__name__ == name]
    scene = read_scene(FileBundle(f"{name}.glb", make_character(TALL, style, motions=[make(build_body(TALL))])))
    return prepare_motion(scene, 0, JobOptions(end_s=1.6))


def with_motion(prepared: PreparedMotion, **changes: Any) -> PreparedMotion:
    return replace(prepared, motion=replace(prepared.motion, **changes))

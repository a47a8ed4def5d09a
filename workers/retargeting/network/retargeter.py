"""The method `smt`: the analytic transfer, and on top of it what a network says that this body needs.

The network sees the source, the analytic result and both bodies (`features`), and answers with small turns of arms,
trunk and head and swivels of the legs (`workers.retargeting.residual`), as refinement would find them by search. What
is near to nothing stays as the analytic method made it, bit for bit. It runs on the CPU, whatever `RETARGET_DEVICE`
says; nothing moves it to a GPU yet.
"""

from __future__ import annotations

import numpy as np
import torch
from safetensors import SafetensorError

from model_store.status import InstalledModel, cannot_be_loaded
from workers.geometry.prepared import surfaces_of
from workers.geometry.source_contacts import source_contacts
from workers.motion.body_motion import BodyMotion
from workers.retargeting.analytic import AnalyticRetargeter
from workers.retargeting.network.apply import value_map
from workers.retargeting.network.features import Features, clip_features
from workers.retargeting.network.rate import at_all_frames, is_loop, looked_frames, windows
from workers.retargeting.network.weights import WEIGHTS_NAME, Network, read_network
from workers.retargeting.residual import find_freedom, moved_motion
from workers.retargeting.retargeter import TransferInput, Transferred
from workers.skeleton.model import Array

QUIET_RAD = 1e-4  # a clip that is turned by less than this anywhere stays as it is


class NetworkRetargeter:
    """A network that is ready to run, in memory."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def retarget(self, given: TransferInput) -> Transferred:
        base = AnalyticRetargeter().retarget(given)
        freedom = find_freedom(base.motion.body, given.target.left_alone)
        turns = network_turns(self.network, given, base.motion)
        if np.abs(turns).max(initial=0.0) < QUIET_RAD:
            return base
        values = value_map(freedom, base.motion, given.alignment).values(turns)
        moved = moved_motion(freedom, base.motion, values)
        used = np.asarray(values.any(axis=0))
        turned = {part.pivot for part in freedom.parts if used[part.first : part.first + part.values].any()}
        return Transferred(moved, tuple(sorted({*base.keyed, *turned})), base.notices)


class SmtRetargeter(NetworkRetargeter):
    """The network of a model of the store. Raises ModelUnavailable for weights that are none."""

    def __init__(self, model: InstalledModel) -> None:
        try:
            super().__init__(read_network(model.folder / WEIGHTS_NAME))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise cannot_be_loaded(model.manifest, model.folder, error) from None


def network_turns(network: Network, given: TransferInput, motion: BodyMotion) -> Array:
    """Turns `(frames, nodes, 3)` of every frame of the analytic result `motion`."""
    looked, loops, seen = looked_frames(motion), is_loop(motion), surfaces_of(given.source).light
    contacts = source_contacts(given.source.motion, seen)  # the scores ask for them again
    pieces = []
    for frames, own in windows(looked, loops):
        features = clip_features(
            given.source.motion, seen, motion, surfaces_of(given.target).light, given.alignment, contacts, frames,
        )  # fmt: skip
        pieces.append(said_by(network, features)[own])
    return at_all_frames(np.concatenate(pieces), looked, motion.frames, loops)


def said_by(network: Network, features: Features) -> Array:
    """Turns `(frames, nodes, 3)` for some frames in a row."""
    weight = network.write.weight
    inputs = [
        torch.from_numpy(values)[None].to(weight.device, weight.dtype)
        for values in (features.source, features.target, features.turns, features.near)
    ]
    present = torch.from_numpy(features.present)[None].to(weight.device)
    with torch.inference_mode():
        said = network(*inputs, present)
    result: Array = said[0].double().cpu().numpy()
    return result

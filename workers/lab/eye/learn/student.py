"""The network in training: beside it the heads that teach it, and copies of it that work side by side.

On a CPU several copies with one thread each, every one on a batch of its own, are faster than one copy with several
threads, by much where the processor is shared: they meet once a step, not after every operation. Copies share their
weights and add up their gradients in a fixed order, so that the result does not depend on who was first.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

from workers.lab.eye.learn.muon import ForEach, Muon
from workers.semantics.encoders.eye_network import Architecture, EyeNetwork

Work = TypeVar("Work")


class PoseHeads(nn.Module):
    """What features say of the pose: directions `(n, S, 3)` and contacts `(n, K)`. Dropped after training."""

    def __init__(self, hidden: int, segments: int, contacts: int) -> None:
        super().__init__()
        self.segments = segments
        self.directions = nn.Linear(hidden, segments * 3)
        self.contacts = nn.Linear(hidden, contacts)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.directions(features).view(-1, self.segments, 3), self.contacts(features)


class Student(nn.Module):
    """The network with everything that is learned beside it."""

    def __init__(self, architecture: Architecture, segments: int, contacts: int) -> None:
        super().__init__()
        self.network = EyeNetwork(architecture)
        self.heads = PoseHeads(architecture.hidden, segments, contacts)
        self.telling_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.telling_bias = nn.Parameter(torch.tensor(0.6))


class Optimiser:
    """Muon for the matrices and kernels of the picture network, Adam for everything else."""

    def __init__(self, student: Student, matrix_rate: float, rate: float, weight_decay: float) -> None:
        network = student.network
        parts = (network.trunk, network.reduce, network.gather, network.embedding_head)
        matrices = [parameter for part in parts for parameter in part.parameters() if parameter.ndim > 1]
        chosen = {id(parameter) for parameter in matrices}
        rest = [parameter for parameter in student.parameters() if id(parameter) not in chosen]
        self._muon, self._adam = Muon(matrices, weight_decay), torch.optim.AdamW(rest, lr=rate, weight_decay=0.0)
        self._matrix_rate, self._rate = matrix_rate, rate

    def step(self, share: float, for_each: ForEach = map) -> None:
        """One step at `share` of the learning rates."""
        for part in self._adam.param_groups:
            part["lr"] = self._rate * share
        self._adam.step()
        self._muon.step(self._matrix_rate * share, for_each)


class Average:
    """`student` follows another one: the exponential average of its weights, shorter at the beginning."""

    def __init__(self, student: Student, decay: float) -> None:
        self.student = copy.deepcopy(student)
        self._decay, self._updates = decay, 0

    @torch.no_grad()
    def update(self, latest: Student) -> None:
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        self._updates += 1
        state = latest.state_dict()
        for name, own in self.student.state_dict().items():
            if own.is_floating_point():
                own.lerp_(state[name], 1 - decay)
            else:
                own.copy_(state[name])


class Copies:
    """`count` copies of a student with shared weights; `students[0]` is the one to keep. Used in a `with`."""

    def __init__(self, student: Student, count: int) -> None:
        self.students = [student]
        for _ in range(count - 1):
            other = copy.deepcopy(student)
            for own, shared in zip(other.parameters(), student.parameters(), strict=True):
                own.data = shared.data
            self.students.append(other)
        self._pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
        self._threads_before = torch.get_num_threads()

    def __enter__(self) -> Copies:
        torch.set_num_threads(1)
        return self

    def __exit__(self, *problem: object) -> None:
        self._pool.shutdown()
        torch.set_num_threads(self._threads_before)

    def for_each(self, work: Callable[[int], None], numbers: Iterable[int]) -> Iterator[None]:
        """`map` over the copies' threads, for the time between steps."""
        return self._pool.map(work, numbers)

    def learn(self, losses_of: Callable[[Student, Work], dict[str, Tensor]], work: Sequence[Work]) -> dict[str, float]:
        """One piece of work a copy; leaves the mean gradient of the summed losses with the first copy.

        Returns the mean losses by name.
        """

        def one(student: Student, piece: Work) -> dict[str, float]:
            for parameter in student.parameters():
                parameter.grad = None
            parts = losses_of(student, piece)
            (torch.stack(list(parts.values())).sum() / len(self.students)).backward()  # type: ignore[no-untyped-call]
            return {name: float(part.detach()) for name, part in parts.items()}

        found = list(self._pool.map(one, self.students, work))
        for student in self.students[1:]:
            for first, other in zip(self.students[0].parameters(), student.parameters(), strict=True):
                if first.grad is not None and other.grad is not None:
                    first.grad += other.grad
        return {name: sum(parts[name] for parts in found) / len(found) for name in found[0]}

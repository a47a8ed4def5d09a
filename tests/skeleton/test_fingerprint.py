"""A skeleton's fingerprint: what must change it does, what must not does not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.samples.glb import make_character
from workers.samples.shape import STOUT, TALL
from workers.skeleton import quat
from workers.skeleton.fingerprint import FINGERPRINT_PATTERN, skeleton_fingerprint
from workers.skeleton.model import Skeleton


def tree(names: list[str], parents: list[int], deforming: list[bool] | None = None, seed: int = 0) -> Skeleton:
    count, random = len(names), np.random.default_rng(seed)
    offsets, none = random.normal(size=(count, 3)), np.zeros(count, dtype=bool)
    moves = np.ones(count, dtype=bool) if deforming is None else np.array(deforming)
    return Skeleton(
        tuple(names), np.array(parents, dtype=np.int64), np.arange(count), offsets, quat.identity(count), offsets,
        quat.identity(count), moves, np.ones(count), none,
    )  # fmt: skip


trees = st.integers(1, 12).flatmap(
    lambda count: st.tuples(
        st.just([f"joint{n}" for n in range(count)]),
        st.tuples(*(st.integers(-1, n - 1) for n in range(count))).map(list),
    )
)


@given(trees, st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_it_is_the_same_in_every_order_and_size(drawn: tuple[list[str], list[int]], seed: int) -> None:
    names, parents = drawn
    random = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < len(names):  # a random order with parents first
        ready = [n for n in range(len(names)) if n not in order and (parents[n] < 0 or parents[n] in order)]
        order.append(int(random.choice(ready)))
    place = {old: new for new, old in enumerate(order)}
    shuffled = tree([names[n] for n in order], [place.get(parents[n], -1) for n in order], seed=seed)
    found = skeleton_fingerprint(tree(names, parents))
    assert re.fullmatch(FINGERPRINT_PATTERN, found)
    assert skeleton_fingerprint(shuffled) == found


@given(trees, st.data())
@settings(max_examples=60)
def test_another_name_or_parent_is_another_skeleton(drawn: tuple[list[str], list[int]], data: st.DataObject) -> None:
    names, parents = drawn
    found = skeleton_fingerprint(tree(names, parents))
    joint = data.draw(st.integers(0, len(names) - 1))
    renamed = [*names[:joint], "x:" + names[joint], *names[joint + 1 :]]
    assert skeleton_fingerprint(tree(renamed, parents)) != found
    other = data.draw(st.integers(-1, joint - 1))
    if other != parents[joint]:
        assert skeleton_fingerprint(tree(names, [*parents[:joint], other, *parents[joint + 1 :]])) != found


def test_groups_and_meshes_between_joints_do_not_count() -> None:
    plain = tree(["hips", "spine", "head"], [-1, 0, 1])
    grouped = tree(["Armature", "hips", "group", "spine", "mesh", "head"], [-1, 0, 1, 2, 3, 3],
                   [False, True, False, True, False, True])  # fmt: skip
    assert skeleton_fingerprint(grouped) == skeleton_fingerprint(plain)


def test_joints_without_a_name_of_their_own_count_with_their_index() -> None:
    """A preset can mean them by index only, so an equal fingerprint must promise equal indices."""
    for names in (["hips", "", ""], ["hips", "bone", "bone"]):
        plain = tree(names, [-1, 0, 0])
        moved = replace(plain, file_indices=np.array([0, 2, 3]))
        assert skeleton_fingerprint(plain) != skeleton_fingerprint(moved)
    named = tree(["hips", "a", "b"], [-1, 0, 0])
    assert skeleton_fingerprint(named) == skeleton_fingerprint(replace(named, file_indices=np.array([4, 2, 3])))


def test_two_bodies_on_one_rig_share_it() -> None:
    found = {
        skeleton_fingerprint(read_scene(FileBundle("c.glb", make_character(shape))).skeleton) for shape in (TALL, STOUT)
    }
    assert len(found) == 1

"""Compiled queries against the exact reference, on bodies and on random triangles; bounds bound, and nothing depends on
order, place or batch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.geometry.capsule_body import arm_across, capsule, capsule_body, capsule_mesh, moved
from workers.geometry import nearest
from workers.geometry.all_touches import look_everywhere
from workers.geometry.exact import NEAR_BY, ExactPenetration, beyond_rest
from workers.geometry.measured_penetration import MeasuredPenetration
from workers.geometry.near_body import near_body
from workers.geometry.nearest import Near, closest_on_triangles
from workers.geometry.parts import PARTS
from workers.geometry.posing import pose
from workers.geometry.queries.bounds import bound_faces, bound_points, closest_face, nearest_points, squared_to_box
from workers.geometry.queries.depths import DepthSearch
from workers.geometry.queries.face_tree import build_tree
from workers.geometry.queries.moving import moving
from workers.geometry.queries.near import find_near
from workers.geometry.queries.places import follow_points
from workers.geometry.queries.triangles import closest_on_triangle, solid_angle
from workers.geometry.queries.windings import COLUMNS, FAR, find_moments, winding, winding_number
from workers.geometry.self_contact import find_contact_spans, find_self_contacts
from workers.geometry.surface import BodySurface, build_surface
from workers.geometry.winding import winding_numbers
from workers.motion.body_motion import BodyMotion
from workers.skeleton import quat
from workers.skeleton.model import Array


@pytest.fixture(scope="module")
def crossing(surface: BodySurface) -> BodyMotion:
    """Both arms go through the trunk and through one another, then hang."""
    angle = np.concatenate([np.linspace(0.0, 80.0, 24), np.full(6, 80.0)])
    return moved(surface.body, arm_across(angle) | arm_across(90.0 - angle, "right"), len(angle))


def triangles(count: int, seed: int) -> tuple[Array, np.typing.NDArray[np.int64]]:
    """Random ones, some without area."""
    places = np.random.default_rng(seed).normal(size=(3 * count, 3))
    places[3] = places[4]
    places[6] = 0.5 * (places[7] + places[8])
    return places, np.arange(3 * count).reshape(count, 3)


def test_closest_places_on_triangles() -> None:
    places, faces = triangles(200, 1)
    points = np.random.default_rng(2).normal(size=(200, 3))
    shares, squared = closest_on_triangles(points, places[faces])
    for point, face, share, away in zip(points, faces, shares, squared, strict=True):
        (x, y, z), (a, b, c) = point, face
        found, *own = closest_on_triangle(x, y, z, places, a, b, c)
        assert found == pytest.approx(away, rel=1e-9, abs=1e-12)
        assert sum(own) == pytest.approx(1.0)
        assert np.array(own) @ places[face] == pytest.approx(share @ places[face], abs=1e-6)


def test_a_closed_surface_fills_the_sphere_of_directions() -> None:
    places, faces = capsule((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 0.3)
    for (x, y, z), turns in (((0.05, 0.4, -0.02), 1.0), ((0.5, 0.4, 0.0), 0.0)):
        total = sum(solid_angle(x, y, z, places, a, b, c) for a, b, c in faces)
        assert total / (4.0 * np.pi) == pytest.approx(turns, abs=1e-9)


def test_boxes_bound_what_they_hold(surface: BodySurface, crossing: BodyMotion) -> None:
    tree = surface.target.tree
    (places,) = pose(surface, crossing, [10])
    boxes = np.empty((len(tree.first), 6))
    bound_faces(tree, places, boxes)
    for node in range(len(tree.first)):
        if tree.held[node]:
            own = places[tree.corners[tree.first[node] : tree.first[node] + tree.held[node]]].reshape(-1, 3)
            assert np.allclose(boxes[node], [*own.min(axis=0), *own.max(axis=0)])
        else:
            left, right = node + 1, tree.after[node + 1]
            assert tree.after[right] == tree.after[node]
            assert (boxes[node, :3] <= np.minimum(boxes[left, :3], boxes[right, :3])).all()
            assert (boxes[node, 3:] >= np.maximum(boxes[left, 3:], boxes[right, 3:])).all()
    assert sorted(tree.faces) == list(range(len(surface.outer_faces)))
    x, y, z = point = np.array([0.4, 1.0, 0.5])
    for node in range(0, len(tree.first), 7):
        near = np.clip(point, boxes[node, :3], boxes[node, 3:])
        assert squared_to_box(x, y, z, boxes, node) == pytest.approx(((point - near) ** 2).sum())


def test_nearest_of_all(surface: BodySurface, crossing: BodyMotion) -> None:
    """Against a search through all faces, whatever the search begins with."""
    tree = surface.target.tree
    (places,) = pose(surface, crossing, [5])
    centres = places[tree.corners].mean(axis=1)
    boxes, face_boxes = np.empty((len(tree.first), 6)), np.empty((len(tree.first), 6))
    bound_points(tree, centres, boxes)
    bound_faces(tree, places, face_boxes)
    stack, squared = np.empty(256, dtype=np.int64), np.empty(8)
    group_of_face = np.repeat(tree.groups, np.diff([*tree.starts, len(tree.corners)]))
    everything = np.ones(len(tree.corners), dtype=np.bool_)
    found = np.full(8, -1, dtype=np.int32)
    for point in np.random.default_rng(3).uniform([-0.5, 0.5, -0.3], [0.5, 1.7, 0.3], size=(40, 3)):
        own, (x, y, z) = 1, point
        away = np.where(group_of_face == own, np.inf, ((centres - point) ** 2).sum(axis=1))
        assert nearest_points(tree, boxes, centres, x, y, z, own, stack, found, squared) == 8
        assert np.allclose(squared, np.sort(away)[:8], rtol=1e-12)
        assert np.allclose(away[found], squared, rtol=1e-12)
        asked = tree.groups != own
        face, least = closest_face(tree, face_boxes, places, x, y, z, asked, everything, stack, -1)
        guessed = closest_face(tree, face_boxes, places, x, y, z, asked, everything, stack, face)
        assert guessed == (face, least)
        every = closest_on_triangles(point[None], places[tree.corners[group_of_face != own]])[1]
        assert least == pytest.approx(every.min(), rel=1e-9)
        assert asked[np.searchsorted(tree.starts, face, side="right") - 1]


def test_winding_numbers_are_as_exact_as_they_say() -> None:
    """Open and closed shells: far nodes stand for their faces within the error that a step allows for."""
    ball, faces = capsule((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 0.4, rings=30)
    open_faces = faces[ball[faces].mean(axis=1)[:, 1] < 0.9]
    points = np.random.default_rng(4).uniform(-0.8, 1.4, size=(300, 3))
    for shell in (faces, open_faces):
        tree = build_tree(shell, np.zeros(len(shell), dtype=np.int64), ball)
        boxes, moments = np.empty((len(tree.first), 6)), np.empty((len(tree.first), COLUMNS))
        bound_faces(tree, ball, boxes)
        find_moments(tree, ball, boxes, moments)
        exact = np.array([winding_number(tree, ball, moments, x, y, z, 0, 1e6) for x, y, z in points])
        assert np.abs(exact - winding_numbers(ball, shell, points)).max() < 0.01
        for far, error in zip(FAR, (0.3, 0.06, 0.01), strict=True):
            found = np.array([winding_number(tree, ball, moments, x, y, z, 0, far) for x, y, z in points])
            assert np.abs(found - exact).max() < error
        asked = np.ones(1, dtype=np.bool_)
        inside = np.array([winding(tree, ball, moments, x, y, z, asked) > 0.5 for x, y, z in points])
        sure = np.abs(exact - 0.5) > 0.005
        assert (inside == (exact > 0.5))[sure].all()


def by_place(near: Near) -> Near:
    return near.chosen(np.lexsort((near.vertex, near.frame)))


@pytest.mark.parametrize("reach", [0.0, 0.01, 0.05])
def test_the_same_pairs_as_the_reference(surface: BodySurface, crossing: BodyMotion, reach: float) -> None:
    vertices, queries = pose(surface, crossing), surface.limb_vertices
    arguments = surface.target, vertices, queries, surface.parts[queries], reach, surface.ignored
    fast, exact = by_place(find_near(*arguments)), by_place(nearest.find_near(*arguments))
    assert len(exact) > 200
    ours, theirs = (near.frame * len(surface.parts) + near.vertex for near in (fast, exact))
    # Where a winding number is a half to three digits, either answer is right.
    assert len(np.setxor1d(ours, theirs)) <= 2e-4 * len(theirs)
    _, a, b = np.intersect1d(ours, theirs, return_indices=True)
    same = np.abs(fast.distance_m[a] - exact.distance_m[b]) < 1e-9
    assert same.mean() > 1.0 - 2e-4
    # Capsules are symmetric: some vertices are as close to one face as to another.
    assert (np.abs(fast.outward[a] - exact.outward[b]).max(axis=1) < 1e-6).mean() > 0.99


def test_pairs_depend_neither_on_the_batch_nor_on_the_place(surface: BodySurface, crossing: BodyMotion) -> None:
    vertices, queries = pose(surface, crossing), surface.limb_vertices
    whole = by_place(near_body(surface, vertices, queries, 0.03)[0])
    again = by_place(near_body(surface, vertices, queries[::-1], 0.03)[0])
    assert (whole.vertex == again.vertex).all() and (whole.distance_m == again.distance_m).all()
    alone = [by_place(near_body(surface, vertices[[frame]], queries, 0.03)[0]) for frame in range(len(vertices))]
    assert (np.concatenate([item.vertex for item in alone]) == whole.vertex).all()
    assert (np.concatenate([item.distance_m for item in alone]) == whole.distance_m).all()
    away = by_place(near_body(surface, vertices + np.array([3.0, 0.0, -40.0]), queries, 0.03)[0])
    assert (away.vertex == whole.vertex).all()
    assert np.abs(away.distance_m - whole.distance_m).max() < 1e-9


def test_only_wanted_parts_are_looked_into(surface: BodySurface, crossing: BodyMotion) -> None:
    vertices, queries = pose(surface, crossing), surface.limb_vertices
    wanted = np.zeros((len(vertices), len(PARTS), len(PARTS)), dtype=np.bool_)
    assert len(near_body(surface, vertices, queries, 0.03, wanted)[0]) == 0
    wanted[7] = True
    some, whole = (by_place(near_body(surface, vertices, queries, 0.03, mask)[0]) for mask in (wanted, None))
    assert len(some) > 0
    assert (some.vertex == whole.vertex[whole.frame == 7]).all() and (some.frame == 7).all()


def test_penetration_is_that_of_libigl(surface: BodySurface, crossing: BodyMotion) -> None:
    vertices = pose(surface, crossing)
    fast, exact = MeasuredPenetration(surface), ExactPenetration(surface)
    assert np.abs(np.where(np.isinf(exact.allowed_m), 0.0, fast.allowed_m - exact.allowed_m)).max() < 1e-9
    found, known = fast.measure(vertices).depth_m, exact.measure(vertices).depth_m
    assert (known > 0.0).sum() > 500
    assert ((found > 0.0) == (known > 0.0)).mean() > 0.9999
    assert found.sum() == pytest.approx(known.sum(), rel=0.02)
    assert np.abs(found - known)[known > 0.0].mean() < 0.02 * known[known > 0.0].mean()
    search, margin = DepthSearch(surface), NEAR_BY * surface.body.height_m
    whole, shared = search.depths(vertices, margin).depth_m, search.depths(vertices, margin, 0.25).depth_m
    assert ((whole > 0.0) == (shared > 0.0)).all() and (shared >= whole - 1e-12).all()
    assert np.abs(shared.max(axis=1) - whole.max(axis=1)).max() < 1e-12
    measured = beyond_rest(surface, fast.allowed_m, *search.depths(vertices, margin))
    assert np.abs(measured - known).max() < 1e-9
    turned = vertices @ quat.to_matrix(quat.from_axis_angle(np.array([0.3, 0.9, 0.1]) / 0.9539392, 0.7)).T
    assert ((fast.measure(turned).depth_m > 0.0) == (found > 0.0)).mean() > 0.999


def test_closest_of_a_part(surface: BodySurface, crossing: BodyMotion) -> None:
    vertices, points = pose(surface, crossing), surface.limb_vertices[::50][None]
    none = np.full((1, 1), -1)
    found = follow_points(
        moving(surface, crossing), np.hstack([points, none]), np.array([0]), np.array([0]), np.array([len(vertices)])
    )
    assert (found.face[:, -1] == -1).all()
    assert found.starts.tolist() == [0, len(vertices)]
    faces = surface.outer_faces[found.face[:, :-1]]
    assert (surface.outer_face_parts[found.face[:, :-1]] == 0).all()
    places = np.einsum("fkc,fkcd->fkd", found.shares[:, :-1], vertices[np.arange(len(vertices))[:, None, None], faces])
    away = np.linalg.norm(vertices[:, points[0]] - places, axis=-1)
    assert np.allclose(away, np.abs(found.distance[:, :-1]))
    torso = surface.outer_faces[surface.outer_face_parts == 0]
    least = closest_on_triangles(vertices[9, points[0]][:, None], vertices[9][torso][None])[1].min(axis=1)
    assert np.allclose(away[9], np.sqrt(least), atol=1e-9)


def test_contacts_are_those_of_a_search_everywhere(surface: BodySurface, crossing: BodyMotion) -> None:
    """Arms that are raised from hanging, one of them slowly along the thigh, and lowered again."""
    down = {"leftUpperArm": quat.from_axis_angle(np.array([0.0, 0.0, -1.0]), np.radians(90.0 - hang(60)))}
    right = quat.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.radians(90.0 - hang(60)[::-1]))
    raised = moved(surface.body, down | {"rightUpperArm": right}, 60)
    for motion in (crossing, raised):
        fast, exact = (find_self_contacts(motion, surface, *look) for look in ((), (look_everywhere,)))
        assert [(item.part_a, item.part_b, item.start, item.stop) for item in fast.contacts] == [
            (item.part_a, item.part_b, item.start, item.stop) for item in exact.contacts
        ]
        for one, other in zip(fast.contacts, exact.contacts, strict=True):
            # Of points that all lie inside, the search may take a neighbour: when the limb leaves, they are as far away
            # but for what lies between them.
            nearest = one.gap.min(axis=1), other.gap.min(axis=1)
            assert np.abs(nearest[0] - nearest[1]).max() < 0.2
            assert np.abs(nearest[0] - nearest[1])[nearest[1] == 0.0].max(initial=0.0) < 0.05
        spans = find_contact_spans(motion, surface)
        assert len(spans) == len(fast)
        assert all((mask == fast.touching()[pair]).all() for pair, mask in spans.touching().items())
    assert len(find_self_contacts(crossing, surface)) > 0


@pytest.mark.parametrize("seed", range(4))
def test_contacts_of_open_bodies_are_those_of_a_search_everywhere(seed: int) -> None:
    """An uneven trunk that is open below or in front, as a robe is, and arms that move in and out of it: the same
    points at the same distances, whatever normals say beside the borders, wherever a touch is found from and until the
    same frames (how deep vertices are in what they are not near to is asked in turns only).
    """
    random = np.random.default_rng(seed)
    body = capsule_body()
    mesh = capsule_mesh(body)
    hips = mesh.joints[mesh.faces[:, 0], 0] == body.mapping.roles["hips"].joint
    middle = mesh.positions_m[mesh.faces].mean(axis=1)
    gone = hips & ((middle[:, 1] < 0.95) | ((middle[:, 2] > 0.05) & (middle[:, 1] < 1.2 + 0.05 * seed)))
    uneven = mesh.positions_m + random.normal(0.0, 0.004, mesh.positions_m.shape)
    surface = build_surface(body, replace(mesh, positions_m=uneven, faces=mesh.faces[~gone]))
    angle = np.interp(np.arange(40), np.arange(0, 48, 8), random.uniform(0.0, 110.0, 6))
    motion = moved(body, arm_across(angle) | arm_across(120.0 - angle, "right"), 40)
    fast, exact = (find_self_contacts(motion, surface, *look) for look in ((), (look_everywhere,)))
    known = {(item.part_a, item.part_b, item.start, item.stop): item for item in exact.contacts}
    alike = [(item, known[key]) for item in fast.contacts if (key := tuple(vars(item).values())[:4]) in known]
    assert 2 * len(alike) > len(known) > 0
    assert all(np.abs(one.gap - other.gap).max() < 1e-9 for one, other in alike)


def test_contacts_are_found_the_same_twice_and_by_poses_alone(surface: BodySurface, crossing: BodyMotion) -> None:
    once, again = (find_self_contacts(crossing, surface) for _ in range(2))
    for one, other in zip(once.contacts, again.contacts, strict=True):
        assert (one.start, one.stop) == (other.start, other.stop)
        assert (one.gap == other.gap).all()
    twice = replace(
        crossing,
        rotations=np.concatenate([crossing.rotations] * 2),
        positions_m=np.concatenate([crossing.positions_m] * 2),
    )
    frames = crossing.frames
    for pair, mask in find_contact_spans(twice, surface).touching().items():
        inner = slice(10, frames - 10)  # beside the seam, runs go on
        assert (mask[:frames][inner] == mask[frames:][inner]).mean() > 0.9, pair


def hang(frames: int) -> Array:
    """Degrees off the body's side: a swing out and back, twice."""
    return 50.0 * np.abs(np.sin(np.linspace(0.0, 2.0 * np.pi, frames))) - 8.0

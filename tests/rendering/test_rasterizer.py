"""The renderer on shapes whose pictures are known: coverage, occlusion, batches, and odd meshes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from workers.rendering import visibility
from workers.rendering.cameras import Camera, look_at
from workers.rendering.edges import find_edges
from workers.rendering.rasterizer import TorchRenderer
from workers.rendering.renderer import PYTORCH3D_INSTALLED, choose_renderer

SQUARE_FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def camera(count: int = 1, size: int = 64) -> Camera:
    """Straight at a wall from 8 m: a metre is `size / 4` pixels; the floor is far below."""
    eye, target = np.tile([0.0, 0.0, 8.0], (count, 1)), np.tile([0.0, 0.0, 0.0], (count, 1))
    return look_at(eye, target, 4.0, -1e4, 1.0, size)


def square(x: float, y: float, side: float, z: float = 0.0, turn_rad: float = 0.0) -> Tensor:
    corners = 0.5 * side * torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    turned = corners @ torch.tensor([[c, s], [-s, c]], dtype=torch.float32)
    return torch.cat([turned + torch.tensor([x, y]), torch.full((4, 1), z)], dim=1)


def coverage(vertices: Tensor, faces: Tensor = SQUARE_FACES, size: int = 64) -> Tensor:
    """How many square metres of the picture are not background."""
    picture = TorchRenderer().render(vertices[None], faces, camera(size=size))[0].mean(0)
    background, surface = picture[0, 0], picture[size // 2, size // 2]
    return ((picture - background) / (surface - background)).sum() * (4.0 / size) ** 2


@pytest.mark.parametrize("turn_deg", [0.0, 10.0, 30.0, 45.0])
def test_area_is_true_between_pixels(turn_deg: float) -> None:
    """Blended silhouettes give a square its area wherever it lies on the grid, within a few thousandths."""
    areas = [float(coverage(square(0.013 * k, 0.009 * k, 1.7, turn_rad=np.radians(turn_deg)))) for k in range(8)]
    assert np.allclose(areas, 1.7**2, rtol=0.015)


def test_derivative_of_the_area() -> None:
    """dA/dside = 2 side, and moving the square changes no area."""
    side = torch.tensor(1.7, requires_grad=True)
    shift = torch.zeros(2, requires_grad=True)
    base = square(0.01, 0.02, 1.0, turn_rad=0.3)
    moved = torch.cat([shift, torch.zeros(1)])
    coverage(base * torch.stack([side, side, torch.ones(())]) + moved).backward()  # type: ignore[no-untyped-call]
    assert side.grad is not None and shift.grad is not None
    # The square is scaled about the picture's middle, from which it lies 2 cm away.
    assert float(side.grad) == pytest.approx(2 * 1.7, rel=0.05)
    assert float(shift.grad.abs().max()) < 0.1


def test_the_line_where_surfaces_pass_through_each_other_moves() -> None:
    """A wall and a sheet that goes through it at a slant: where the wall moves away, the sheet shows more of itself."""
    sheet = square(0.0, 0.0, 1.2) * torch.tensor([1.0, 1.3, 1.0]) + torch.tensor([0.1, 0.0, 0.0])
    sheet[:, 2] = 1.2 * sheet[:, 0] + 0.3 * sheet[:, 1]
    faces = torch.cat([SQUARE_FACES, SQUARE_FACES + 4])

    def brightness(shift_m: Tensor, size: int) -> Tensor:
        wall = square(0.0, 0.0, 3.0) + shift_m * torch.tensor([0.0, 0.0, 1.0])
        return TorchRenderer().render(torch.cat([wall, sheet])[None], faces, camera(size=size)).mean()

    shift_m = torch.zeros((), requires_grad=True)
    brightness(shift_m, 96).backward()  # type: ignore[no-untyped-call]
    above, below = (float(brightness(torch.tensor(step), 384)) for step in (0.05, -0.05))
    assert shift_m.grad is not None
    assert float(shift_m.grad) == pytest.approx((above - below) / 0.1, rel=0.15)


def test_nearest_surface_wins_in_any_order() -> None:
    near, far = square(0.0, 0.0, 0.8, z=0.5), square(0.0, 0.0, 2.0, z=-0.5)
    tilted = far + torch.tensor([[0.0, 0.0, 0.9], [0.0, 0.0, -0.9], [0.0, 0.0, -0.9], [0.0, 0.0, 0.9]])
    pictures = []
    for order in ((near, tilted), (tilted, near)):
        faces = torch.cat([SQUARE_FACES, SQUARE_FACES + 4])
        pictures.append(TorchRenderer().render(torch.cat(order)[None], faces, camera())[0])
    assert torch.allclose(pictures[0], pictures[1], atol=1e-6)
    alone = TorchRenderer().render(near[None], SQUARE_FACES, camera())[0]
    assert torch.allclose(pictures[0][:, 32, 32], alone[:, 32, 32], atol=1e-5)


def test_both_windings_look_alike() -> None:
    body = square(0.1, 0.0, 1.5, turn_rad=0.2) + torch.tensor([[0.0, 0, 0.3], [0, 0, 0], [0, 0, 0.1], [0, 0, 0]])
    one, other = (TorchRenderer().render(body[None], faces, camera()) for faces in (SQUARE_FACES, SQUARE_FACES.flip(1)))
    assert torch.allclose(one, other, atol=1e-5)


def test_a_batch_is_its_pictures() -> None:
    poses = torch.stack([square(0.1 * k, -0.05 * k, 1.0 + 0.2 * k, turn_rad=0.2 * k) for k in range(3)])
    renderer = TorchRenderer()
    together = renderer.render(poses, SQUARE_FACES, camera(3))
    alone = torch.cat([renderer.render(poses[k : k + 1], SQUARE_FACES, camera()) for k in range(3)])
    assert torch.allclose(together, alone, atol=1e-6)
    with pytest.raises(ValueError, match="cameras"):
        renderer.render(poses, SQUARE_FACES, camera(2))


def test_work_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    poses = torch.stack([square(0.1 * k, 0.0, 2.0, turn_rad=0.2 * k) for k in range(3)])
    pixels, depths = camera(3).project(poses)
    whole = visibility.visible_faces(pixels, depths, SQUARE_FACES, 64)
    monkeypatch.setattr(visibility, "PAIRS_AT_ONCE", 700)
    assert torch.equal(whole, visibility.visible_faces(pixels, depths, SQUARE_FACES, 64))


@pytest.mark.parametrize(
    "vertices",
    [
        square(0.0, 0.0, 1.0, z=9.0),  # behind the camera
        square(30.0, 0.0, 1.0),  # out of the picture
        torch.zeros(4, 3),  # a point
        square(0.0, 0.0, 1.0, z=8.0),  # at the camera
    ],
)
def test_nothing_to_see_is_background(vertices: Tensor) -> None:
    vertices = vertices.clone().requires_grad_()
    picture = TorchRenderer().render(vertices[None], SQUARE_FACES, camera())
    empty = TorchRenderer().render(torch.zeros(1, 4, 3), SQUARE_FACES[:0], camera())
    assert torch.isfinite(picture).all()
    assert torch.allclose(picture, empty, atol=1e-5)
    picture.sum().backward()  # type: ignore[no-untyped-call]
    assert vertices.grad is not None and torch.isfinite(vertices.grad).all()


def test_edges_of_a_square_and_of_a_fan() -> None:
    edges = find_edges(SQUARE_FACES)
    assert len(edges.ends) == 5
    border = edges.beside[:, 0] == edges.beside[:, 1]
    assert int(border.sum()) == 4
    fan = find_edges(torch.tensor([[0, 1, 2], [0, 1, 3], [0, 1, 4]]))  # three faces at one edge
    shared = (fan.ends == torch.tensor([0, 1])).all(1)
    assert int(shared.sum()) == 2
    assert not (fan.beside[shared, 0] == fan.beside[shared, 1]).any()


def box(x: float, side: float, depth: float) -> tuple[Tensor, Tensor]:
    """Corners and faces of a closed box whose front has that side."""
    signs = torch.tensor(
        [[i, j, k] for k in (1.0, -1.0) for i, j in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))]
    )
    corners = signs * torch.tensor([0.5 * side, 0.5 * side, 0.5 * depth]) + torch.tensor([x, 0.0, 0.0])
    sides = [(0, 1, 2, 3), (5, 4, 7, 6), (1, 5, 6, 2), (4, 0, 3, 7), (3, 2, 6, 7), (4, 5, 1, 0)]
    return corners, torch.tensor([triangle for a, b, c, d in sides for triangle in ((a, b, c), (a, c, d))])


def test_pytorch3d_agrees_where_it_is_installed() -> None:
    """Pictures, and which way a loss pulls, of a sheet and of a closed box that a smaller one stands before."""
    if not PYTORCH3D_INSTALLED:
        assert isinstance(choose_renderer("cuda"), TorchRenderer)
        pytest.skip("pytorch3d is not installed (it has no wheel for this platform)")
    from workers.rendering.pytorch3d_backend import Pytorch3dRenderer

    (large, faces), (small, _) = box(0.05, 1.5, 0.5), box(0.3, 0.5, 0.3)
    two = torch.cat([large, small + torch.tensor([0.0, 0.1, 1.0])])
    shapes = [(square(0.05, 0.0, 1.5, turn_rad=0.2), SQUARE_FACES), (two, torch.cat([faces, faces + 8]))]
    for vertices, of in shapes:
        pictures, pulls = [], []
        for renderer in (TorchRenderer(), Pytorch3dRenderer()):
            moved = vertices.clone().requires_grad_()
            picture = renderer.render(moved[None], of, camera())
            with torch.no_grad():
                wanted = renderer.render((vertices + torch.tensor([0.06, 0.04, 0.0]))[None], of, camera())
            (picture - wanted).square().mean().backward()  # type: ignore[no-untyped-call]
            assert moved.grad is not None
            pictures.append(picture.detach())
            pulls.append(moved.grad[:, :2].flatten())  # depth moves no border
        assert float((pictures[0] - pictures[1]).abs().mean()) < 0.005
        assert float(torch.nn.functional.cosine_similarity(pulls[0], pulls[1], dim=0)) > 0.7

"""The study of two renderers: one beside itself differs in nothing; where there is no second one it says so."""

from __future__ import annotations

import pytest

from service import cli
from workers.lab.studies import renderers
from workers.rendering.rasterizer import TorchRenderer


def test_a_renderer_is_like_itself() -> None:
    row = next(renderers.compare_pictures(TorchRenderer(), 600, 48))
    assert (row.mean_difference, row.max_difference, row.silhouette_iou) == (0.0, 0.0, 1.0)
    assert row.vertex_cosine == pytest.approx(1.0) and row.angle_cosine == pytest.approx(1.0)


def test_without_a_second_renderer_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workers.rendering.renderer.PYTORCH3D_INSTALLED", False)
    assert cli.main(["evaluate", "renderers"]) == 1
    assert "pytorch3d is not installed: not run" in capsys.readouterr().out

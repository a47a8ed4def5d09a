"""What is asked of a device: pieces that stay on it, and a count that sees what does not. There is no GPU here: `meta`
stands in where no value is needed, and refuses whatever would take its tensors to the host.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from service import cli
from workers.contract.errors import InvalidOptions
from workers.lab.bench.device import NO_CUDA, Transfers, bench_device
from workers.lab.studies.gradients import sample_motion
from workers.rendering.skinning import bind_skin
from workers.semantics.encoders.loading import choose_device


def test_copies_and_reads_are_counted() -> None:
    here, there = torch.ones(3), torch.ones(3, device="meta")
    with Transfers() as seen:
        here.to("meta")
        there.copy_(here)
        here.to(torch.float64)  # no other device
    assert (seen.copies, seen.reads) == (2, 0)
    with Transfers() as seen:
        assert float(here.sum()) == 3.0
    assert (seen.copies, seen.reads) == (0, 1)


def test_skinning_stays_on_its_device() -> None:
    motion, mesh = sample_motion("wave", stout=False)
    skin = bind_skin(mesh, motion.body.skeleton, "meta")
    turns = torch.empty(4, *motion.rotations.shape[1:], device="meta", requires_grad=True)
    places = torch.empty(4, *motion.positions_m.shape[1:], device="meta")
    with Transfers() as seen:
        vertices = skin.deform(turns, places)
        vertices.sum().backward()  # type: ignore[no-untyped-call]
    assert vertices.device.type == "meta" and turns.grad is not None
    assert (seen.copies, seen.reads) == (0, 0)


def test_every_piece_runs_without_copies() -> None:
    rows = list(bench_device("cpu", "eye", frames=2, faces=600, repeats=1))
    assert len(rows) == 4 and all(row.device == "cpu" and row.clock_ms > 0.0 for row in rows)
    assert all(row.copies == 0 for row in rows)
    assert rows[0].reads == 0  # skinning waits for nothing


def test_without_cuda_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        return
    out = tmp_path / "device.json"
    assert cli.main(["bench", "--device", "cuda", "--json", str(out)]) == 0
    assert NO_CUDA in capsys.readouterr().out and json.loads(out.read_text())["rows"] == NO_CUDA


def test_one_setting_chooses_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETARGET_DEVICE", "cpu")
    assert choose_device("auto").type == "cpu"
    monkeypatch.setenv("RETARGET_DEVICE", "gpu")
    with pytest.raises(InvalidOptions, match="RETARGET_DEVICE is 'gpu'"):
        choose_device("auto")
    monkeypatch.setenv("RETARGET_DEVICE", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(InvalidOptions, match="no usable CUDA"):
            choose_device("auto")
    assert choose_device("cpu").type == "cpu"

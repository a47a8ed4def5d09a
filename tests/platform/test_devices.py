"""Words for devices, to the variables of one process each."""

from __future__ import annotations

import pytest

from workers.platform.devices import read_devices


def test_each_word_is_a_process_that_sees_its_device_alone() -> None:
    one, two, third = read_devices("cuda:1, cpu,cpu", {})
    assert one.variables == {"RETARGET_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": "1"}
    assert two == third and two.variables == {"RETARGET_DEVICE": "cpu"}


def test_numbers_count_what_may_be_seen() -> None:
    seen = {"CUDA_VISIBLE_DEVICES": "4,GPU-ab"}
    assert [device.variables["CUDA_VISIBLE_DEVICES"] for device in read_devices("cuda", seen)] == ["4", "GPU-ab"]
    assert read_devices("cuda:1", seen)[0].variables["CUDA_VISIBLE_DEVICES"] == "GPU-ab"
    assert [device.name for device in read_devices("cuda", {}, lambda: 3)] == ["cuda:0", "cuda:1", "cuda:2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "no device"), ("gpu", "'gpu' is no device"), ("cuda:2", "shows only 1"), ("cuda:x", "no device")],
)
def test_what_is_none_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_devices(text, {"CUDA_VISIBLE_DEVICES": "0"})


def test_no_gpu_at_all() -> None:
    with pytest.raises(ValueError, match="no GPU is to be seen"):
        read_devices("cuda", {}, lambda: 0)
    with pytest.raises(ValueError, match="no GPU is to be seen"):
        read_devices("cuda", {"CUDA_VISIBLE_DEVICES": ""})

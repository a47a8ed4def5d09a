"""`--folder-order SEED` runs the folders of tests in an order of chance, `--folder-order random` with a new seed.

A test that passes only after another folder's tests hangs on something they left behind: an environment variable, a
thread count, a cache, a changed table. Within a folder the order stays. The seed is printed, so that an order can be
had again; processes beside one another (pytest-xdist) take the same.
"""

from __future__ import annotations

import random
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--folder-order", metavar="SEED", help="order of the folders by chance: a number, or random")


def pytest_configure(config: pytest.Config) -> None:
    chosen = getattr(config, "workerinput", {}).get("folder_order", config.option.folder_order)
    if chosen == "random":
        chosen = str(random.SystemRandom().randrange(10_000))
    elif chosen is not None and not chosen.isdecimal():
        raise pytest.UsageError(f"--folder-order: {chosen!r} is neither a number nor random")
    config.option.folder_order = chosen


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["folder_order"] = node.config.option.folder_order


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.option.folder_order
    return None if seed is None else f"folders in the order of seed {seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.option.folder_order
    if seed is None:
        return
    folders = sorted({item.path.parent for item in items})
    random.Random(int(seed)).shuffle(folders)
    place = {folder: index for index, folder in enumerate(folders)}
    items.sort(key=lambda item: place[item.path.parent])

"""One server and one browser for all tests of the studio, and a page that shows no error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.studio.browser import chromium, served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the service; asks for the browser first, so that nothing starts where there is none."""
    with served(tmp_path_factory.mktemp("studio"), encoder="eye") as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a small laptop; an error in its console ends the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, bypass_csp=False)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors, errors

"""One demo for all tests of the page; it ends with the last of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.needs import missing
from tests.web.browser import Page, browser
from tests.web.demo import ROOT, Demo, running_demo

_RUNNING = pytest.StashKey[ExitStack]()


@pytest.fixture(scope="session")
def demo(
    chromium: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Demo]:
    """A running demo; a test leaves the plant as it found it."""
    assert chromium
    if not (ROOT / "hub/static/index.html").exists():
        missing("page", "the page is not built (make web)")
    with ExitStack() as stack:
        request.config.stash[_RUNNING] = stack
        yield stack.enter_context(running_demo(tmp_path_factory.mktemp("demo")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Ends the demo with the last test of this folder: what comes after has the machine for itself."""
    yield
    here = Path(__file__).parent
    if (nextitem is None or here not in nextitem.path.parents) and _RUNNING in item.config.stash:
        item.config.stash[_RUNNING].close()


@pytest.fixture
def page(chromium: str, demo: Demo, tmp_path: Path) -> Iterator[Page]:
    """A browser at the demo's sign-in; nothing may have gone wrong in it when the test is over."""
    with browser(chromium, tmp_path / "chromium") as page:
        page.open(demo.address)
        page.until("document.activeElement?.id === 'username'")
        yield page
        assert page.faults == []

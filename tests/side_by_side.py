"""What stays together where tests run side by side (`-n`): a module, and all that runs a demo."""

from __future__ import annotations

from typing import Final

from typing_extensions import override
from xdist.scheduler import LoadScopeScheduling

_DEMO: Final = (
    "tests/flow/test_demo.py",
    "tests/faults/test_demo_interrupted.py",
    "tests/faults/test_secrets.py",
    "tests/web/",
)
"""What starts whole demos: two at once would take half the tests' time limits from each other."""


class ByModule(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out whole modules, so that what a module shares is made once."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "demo" if path.startswith(_DEMO) else path

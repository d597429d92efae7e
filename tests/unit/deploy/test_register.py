"""The register of a bus goes to its other servers by TLS, whole or not at all."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from runtime.children import free_port
from tests.certificates import certificates

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "ems_register.py"

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ems_register", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["ems_register"] = made
    spec.loader.exec_module(made)
    return made


@contextmanager
def served(script: ModuleType, file: Path, files: tuple[Path, Path]) -> Iterator[str]:
    port = free_port()
    server = script.server_of(file, port, *files)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"https://localhost:{port}/bus.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_register_comes_as_it_is_then(script: ModuleType, tmp_path: Path) -> None:
    ca, pair = certificates(tmp_path / "tls", ("localhost",))
    source, target = tmp_path / "bus.json", tmp_path / "mine.json"
    with served(script, source, pair) as url:
        assert script.main(["fetch", url, str(ca), str(target)]) == 1, "there is none yet"
        assert not target.exists()
        for text in ('{"edges": []}', '{"edges": [1]}'):
            source.write_text(text, encoding="utf-8")
            assert script.main(["fetch", url, str(ca), str(target)]) == 0
            assert target.read_text(encoding="utf-8") == text


def test_what_is_no_register_or_comes_from_somebody_else_leaves_the_old_one(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ca, pair = certificates(tmp_path / "tls", ("localhost",))
    other, _ = certificates(tmp_path / "other", ("localhost",))
    source, target = tmp_path / "bus.json", tmp_path / "mine.json"
    source.write_text("{", encoding="utf-8")
    target.write_text("{}", encoding="utf-8")
    with served(script, source, pair) as url:
        assert script.main(["fetch", url, str(ca), str(target)]) == 1, "half of one"
        source.write_text("[]", encoding="utf-8")
        assert script.main(["fetch", url, str(other), str(target)]) == 1
        assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().err
        assert script.main(["fetch", url.replace("localhost", "127.0.0.1"), str(ca), str(target)]) == 1
        assert script.main(["fetch", url.replace("https", "http"), str(ca), str(target)]) == 1
    assert target.read_text(encoding="utf-8") == "{}"
    assert script.main(["fetch"]) == 1
    assert "give `serve" in capsys.readouterr().err

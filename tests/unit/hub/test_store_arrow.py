"""A process that reads and writes files of the store does without pandas, and may have it all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import numpy as np
import pyarrow.parquet as pq
from hub.store.arrow import pa
times = pa.array(np.arange(3), mask=np.array([False, True, False]))
names = pa.array(["a", "b", "a"], pa.string()).dictionary_encode()
pq.write_table(pa.table([times, names, pa.array([1, 2, None])], ["t", "n", "v"]), sys.argv[1])
table = pq.read_table(sys.argv[1])
assert table["t"].to_numpy()[2] == 2 and table["n"].to_pylist() == ["a", "b", "a"]
assert "pandas" not in sys.modules
import pandas
assert pandas.DataFrame({"a": [1]}).shape == (1, 1)
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_files_are_written_and_read_without_pandas_which_stays_there_for_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "one.parquet")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")

"""pyarrow as the whole hub uses it: without pandas.

At its first arrays pyarrow looks for pandas and loads it where it is installed: 52 MB in each process that
reads or writes a file. It is installed for pvlib, which one child alone uses (`hub/forecast/worker.py`). Each
look is taken once, so it is taken here, while there is none to be found.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder

import numpy as np
import pyarrow as pa
from typing_extensions import override

__all__ = ["pa"]


class _NotHere(MetaPathFinder):
    @override
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is kept out of this look", name=fullname)


def _look_in_vain() -> None:
    finder = _NotHere()
    sys.meta_path.insert(0, finder)
    try:
        pa.array(np.zeros(1))
        pa.array([""])  # its C++ part looks for itself
    finally:
        sys.meta_path.remove(finder)


_look_in_vain()

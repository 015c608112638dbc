"""faiss, which is imported on its first use: the first answers of a server do not need it."""

from __future__ import annotations

import os
from threading import Lock
from typing import Any

from ..model.collection_params import Distance

_METRICS = {
    Distance.COSINE: "METRIC_INNER_PRODUCT",
    Distance.DOT: "METRIC_INNER_PRODUCT",
    Distance.EUCLID: "METRIC_L2",
    Distance.MANHATTAN: "METRIC_L1",
}


class _Library:
    """Has the attributes of faiss, from the first use of one on. Any thread may be the first."""

    def __getattr__(self, name: str) -> Any:
        # Called for what is not in `__dict__`: all before the first use, and what faiss lacks.
        load_faiss()
        return object.__getattribute__(self, name)


faiss: Any = _Library()
"""The module. The type stubs of faiss lack the kernels."""

_loading = Lock()


def load_faiss() -> None:
    """Import faiss, which takes some 50 ms. Raises ImportError. Thread-safe."""
    with _loading:
        if "InterruptCallback" in vars(faiss):
            return
        # OpenMP threads busy-wait for more work for milliseconds, on cores that other threads need.
        # The duration is read when the library is loaded.
        if "OMP_WAIT_POLICY" not in os.environ:
            os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        import faiss as module

        # Otherwise every native call takes the GIL to check for a Ctrl-C. Two threads that do this
        # at a time free the same memory: faiss lets go of the GIL here, and has no lock.
        module.InterruptCallback.clear_instance()  # type: ignore[attr-defined]
        vars(faiss).update(vars(module))


def metric_of(distance: Distance) -> int:
    """The metric of faiss for a distance."""
    metric: int = getattr(faiss, _METRICS[distance])
    return metric

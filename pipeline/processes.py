"""Pools of processes that end when the one that began them ends, however it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Literal


def pool(
    count: int, method: Literal["fork", "spawn"], prepare: Callable[[], None] | None = None
) -> ProcessPoolExecutor:
    """A pool of up to `count` processes; each calls `prepare` first.

    A Ctrl-C is the parent's alone to answer. A worker whose parent was killed would wait for work for ever: it
    watches the parent, and goes with it.
    """
    return ProcessPoolExecutor(
        max(1, count), mp_context=get_context(method), initializer=_begin, initargs=(prepare,)
    )


def _begin(prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

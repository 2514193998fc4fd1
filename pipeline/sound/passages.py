"""Where marked words stand among the sentences that are read."""

from __future__ import annotations

import re
from collections.abc import Sequence


def passage(words: str, sentences: Sequence[str]) -> tuple[int, int] | None:
    """The first and the last of the sentences that these words stand in; None where they stand in none.

    Case, punctuation and white space do not matter.
    """
    wanted = _squeezed(words)
    squeezed = [_squeezed(one) for one in sentences]
    at = "".join(squeezed).find(wanted) if wanted else -1
    if at < 0:
        return None
    ends, total = list[int](), 0
    for one in squeezed:
        total += len(one)
        ends.append(total)
    first = next(number for number, end in enumerate(ends) if end > at)
    last = next(number for number, end in enumerate(ends) if end >= at + len(wanted))
    return first, last


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())

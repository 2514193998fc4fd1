"""When each sentence of a script is said in its source, from whoever knows it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pipeline.stage import Artifacts

Time = Mapping[str, float] | None
"""When a sentence begins and ends in its source, in seconds; None where it is not said."""


def times_of(narration: Artifacts, alignment: Artifacts) -> list[Time]:
    """A time for each sentence, by synthesis or by alignment; nothing where neither knows them."""
    told = narration.ending(".json") or alignment.ending(".json")
    return list(json.loads(told.text())["sentences"]) if told else []

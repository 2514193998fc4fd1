"""The words that were written and those that were heard are laid side by side: where they agree, and where not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

ALIKE = 0.5
"""The share of letters that agree from which other words are the same ones, misheard; of any two texts a third does."""

CHANCE = 2
"""Words in a row that agree by chance, where what is said before and after is something else."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Words of the text and what is heard in their place, each from a word to the one behind its last.

    agree: they are the same, or sound as if they were.
    """

    written: slice
    heard: slice
    agree: bool

    @property
    def longer(self) -> int:
        return max(length(self.written), length(self.heard))


def length(part: slice) -> int:
    return int(part.stop - part.start)


def stretches(
    written: Sequence[str], heard: Sequence[str], begins: Collection[int]
) -> list[Stretch]:
    """The whole of both in stretches that agree and that do not, in order.

    begins: where in `written` sentences begin: who starts one twice is taken by the second.
    """
    found = _without_chance(list(_same_and_other(written, heard)))
    found = _begun_anew(found, heard, begins)
    return [_judged(one, written, heard) for one in found]


def _same_and_other(written: Sequence[str], heard: Sequence[str]) -> Iterator[Stretch]:
    from rapidfuzz.distance import Levenshtein

    edits = Levenshtein.opcodes(list(written), list(heard))
    for same, group in groupby(edits, key=lambda edit: edit.tag == "equal"):
        parts = list(group)
        first, last = parts[0], parts[-1]
        yield Stretch(
            slice(first.src_start, last.src_end), slice(first.dest_start, last.dest_end), same
        )


def _without_chance(found: Sequence[Stretch]) -> list[Stretch]:
    """A word or two that two different sentences share part nothing."""
    joined = list[Stretch]()
    for at, one in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else None
        if (
            joined
            and not joined[-1].agree
            and (not one.agree or _by_chance(joined[-1], one, after))
        ):
            before = joined.pop()
            one = Stretch(
                slice(before.written.start, one.written.stop),
                slice(before.heard.start, one.heard.stop),
                False,
            )
        joined.append(one)
    return joined


def _by_chance(before: Stretch, one: Stretch, after: Stretch | None) -> bool:
    if after is None or length(one.written) > CHANCE:
        return False
    return min(before.longer, after.longer) > length(one.written)


def _begun_anew(
    found: Sequence[Stretch], heard: Sequence[str], begins: Collection[int]
) -> list[Stretch]:
    """Words heard twice, where a sentence begins: the first time is what was added."""
    moved = list[Stretch]()
    for one in found:
        if moved and not one.agree and not length(one.written):
            back = _back(moved[-1], one, heard, begins)
            if back:
                before = moved.pop()
                at, start, stop = one.written.start, one.heard.start, one.heard.stop
                kept = Stretch(
                    slice(before.written.start, at - back),
                    slice(before.heard.start, start - back),
                    True,
                )
                moved += [kept] if length(kept.written) else []
                moved.append(
                    Stretch(slice(at - back, at - back), slice(start - back, stop - back), False)
                )
                one = Stretch(slice(at - back, at), slice(stop - back, stop), True)
        moved.append(one)
    return moved


def _back(before: Stretch, added: Stretch, heard: Sequence[str], begins: Collection[int]) -> int:
    """How many words further back an addition may as well stand, so that it stands before a sentence; 0 if nowhere."""
    for back in range(1, length(before.written) + 1 if before.agree else 1):
        if heard[added.heard.start - back] != heard[added.heard.stop - back]:
            return 0
        if added.written.start - back in begins:
            return back
    return 0


def _judged(one: Stretch, written: Sequence[str], heard: Sequence[str]) -> Stretch:
    if one.agree or not length(one.written) or not length(one.heard):
        return one
    from rapidfuzz.distance import Levenshtein

    letters = ("".join(written[one.written]), "".join(heard[one.heard]))
    return Stretch(one.written, one.heard, Levenshtein.normalized_similarity(*letters) >= ALIKE)

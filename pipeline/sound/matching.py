"""The words that were written and those that were heard are laid side by side: where they agree, and where not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

ALIKE = 0.5
"""The share of letters that agree from which other words are the same ones, misheard; of any two texts a third does."""

CHANCE = 7
"""Letters in a row that agree by chance, such as "and in the", where before and after is something else."""

FEW = 2
"""Words that are misheard rather than replaced by others, where more than they are heard."""


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
    found = _without_chance(list(_same_and_other(written, heard)), written)
    parted = [part for one in found for part in _parted(one, written, heard, begins) if part.longer]
    return _begun_anew(parted, heard, begins)


def _same_and_other(written: Sequence[str], heard: Sequence[str]) -> Iterator[Stretch]:
    from rapidfuzz.distance import Indel

    # A word in place of another counts as two edits here: else what is added would hide what it stands beside.
    edits = Indel.opcodes(list(written), list(heard))
    for same, group in groupby(edits, key=lambda edit: edit.tag == "equal"):
        parts = list(group)
        first, last = parts[0], parts[-1]
        yield Stretch(
            slice(first.src_start, last.src_end), slice(first.dest_start, last.dest_end), same
        )


def _without_chance(found: Sequence[Stretch], written: Sequence[str]) -> list[Stretch]:
    """A word or two that two different sentences share part nothing."""
    joined = list[Stretch]()
    for at, one in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else None
        chance = len("".join(written[one.written])) <= CHANCE
        if (
            joined
            and not joined[-1].agree
            and (not one.agree or (chance and _between(joined[-1], one, after)))
        ):
            before = joined.pop()
            one = Stretch(
                slice(before.written.start, one.written.stop),
                slice(before.heard.start, one.heard.stop),
                False,
            )
        joined.append(one)
    return joined


def _between(before: Stretch, one: Stretch, after: Stretch | None) -> bool:
    """Whether it stands between longer ones."""
    return after is not None and min(before.longer, after.longer) > length(one.written)


def _parted(
    one: Stretch, written: Sequence[str], heard: Sequence[str], begins: Collection[int]
) -> Iterator[Stretch]:
    """A stretch that does not agree, judged; words added between two sentences are parted from those misheard."""
    words, said = one.written, one.heard
    if one.agree or not length(words) or not length(said):
        yield one
        return
    likeness, count = max(
        (_alike(written[words], heard[said.stop - count : said.stop]), count)
        for count in _counts(length(words), length(said))
    )
    if likeness < ALIKE and length(words) > FEW:  # another sentence is said in place of one
        yield one
        return
    count = count if likeness >= ALIKE else min(length(words), length(said))
    at = said.stop - count
    if likeness >= ALIKE or words.start in begins:
        yield Stretch(slice(words.start, words.start), slice(said.start, at), False)
        yield Stretch(words, slice(at, said.stop), likeness >= ALIKE)
    else:
        yield Stretch(words, slice(said.start, said.start + count), False)
        yield Stretch(slice(words.stop, words.stop), slice(said.start + count, said.stop), False)


def _counts(written: int, heard: int) -> set[int]:
    """How many of the words heard may be those written: all, or about as many."""
    return {heard, *range(max(1, written - 2), min(heard, written + 2) + 1)}


def _alike(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of letters that agree."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity("".join(one), "".join(other)))


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
    most = (
        min(length(before.written), length(before.heard), length(added.heard))
        if before.agree
        else 0
    )
    for back in range(1, most + 1):
        if added.written.start - back in begins:
            first = heard[added.heard.start - back : added.heard.start]
            second = heard[added.heard.stop - back : added.heard.stop]
            return back if _alike(first, second) >= ALIKE else 0
    return 0

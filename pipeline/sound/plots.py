"""Pictures of what is heard, as SVG that is at home on light and dark pages: its waveform, and its loudness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pipeline.sound.meter import short_term


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound as it is drawn: its title, its loudness each 100 ms, LUFS, and where its chapters begin, in seconds."""

    title: str
    momentary: Sequence[float]
    seconds: float
    loudness: float
    peak: float
    chapters: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True, slots=True)
class Colors:
    """A theme's colours by day and by night."""

    light: Mapping[str, str]
    dark: Mapping[str, str]

    def style(self, rules: Mapping[str, str]) -> str:
        """CSS that gives classes a colour of the theme, and another in the dark."""
        day = "".join(f".{name}{{{_filled(rule, self.light)}}}" for name, rule in rules.items())
        night = "".join(f".{name}{{{_filled(rule, self.dark)}}}" for name, rule in rules.items())
        return f"<style>{day}@media (prefers-color-scheme: dark){{{night}}}</style>"


def _filled(rule: str, colors: Mapping[str, str]) -> str:
    for name in sorted(colors, key=len, reverse=True):
        rule = rule.replace(f"${name}", colors[name])
    return rule


WAVE_WIDTH, WAVE_HEIGHT, PITCH, THICK = 1200, 160, 5, 3
QUIET, LOUD = -44.0, -12.0
"""LUFS from which a bar is seen, and at which it is as tall as can be."""


def waveform(heard: Heard, colors: Colors) -> str:
    """The whole as bars around a middle line, each one moment of it; chapters take turns in two colours."""
    shares = _sampled([_share(level) for level in heard.momentary], WAVE_WIDTH // PITCH)
    style = colors.style({"a": "fill:$ink", "b": "fill:$muted;fill-opacity:.62"})
    bars: dict[str, list[str]] = {"a": [], "b": []}
    for number, share in enumerate(shares):
        tall = max(THICK, share * WAVE_HEIGHT)
        moment = (number + 0.5) / len(shares) * heard.seconds
        chapter = sum(1 for start, _ in heard.chapters if start <= moment)
        top, left = (WAVE_HEIGHT - tall) / 2, number * PITCH + (PITCH - THICK) / 2
        bars["ab"[max(0, chapter - 1) % 2]].append(_bar(left, top, tall))
    paths = "".join(f'<path class="{name}" d="{"".join(d)}"/>' for name, d in bars.items() if d)
    about = f"Waveform of {heard.title}, {clock(heard.seconds)}"
    return _svg(WAVE_WIDTH, WAVE_HEIGHT, about, style + paths, 'preserveAspectRatio="none" ')


def _share(level: float) -> float:
    return math.pow(min(1.0, max(0.0, (level - QUIET) / (LOUD - QUIET))), 1.6)


def _bar(left: float, top: float, tall: float) -> str:
    """A bar with round ends, as part of a path."""
    r = THICK / 2
    return f"M{left:g} {top + r:.4g}a{r} {r} 0 0 1 {THICK} 0v{tall - THICK:.4g}a{r} {r} 0 0 1-{THICK} 0z"


PLOT_WIDTH, PLOT_HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 58, 40
FLOOR, CEILING = -36.0, -8.0
"""LUFS at the lower and upper edge of the plot."""


def loudness(heard: Heard, target: float, colors: Colors) -> str:
    """Loudness over time: of three seconds as a line, of moments as its shadow, within the band that is aimed at."""
    style = colors.style(
        {
            "paper": "fill:$paper",
            "grid": "stroke:$rule;stroke-width:1",
            "band": "fill:$signal;fill-opacity:.13",
            "aim": "stroke:$signal;stroke-width:1.5;stroke-dasharray:5 4",
            "moments": "fill:$muted;fill-opacity:.15",
            "line": "fill:none;stroke:$ink;stroke-width:1.8;stroke-linejoin:round",
            "words": "fill:$ink;font:600 17px Archivo,'Helvetica Neue',Arial,sans-serif",
            "small": "fill:$muted;font:13px Archivo,'Helvetica Neue',Arial,sans-serif",
            "chapter": "stroke:$muted;stroke-width:1;stroke-dasharray:1 3",
            "name": "fill:$muted;font:12px Archivo,'Helvetica Neue',Arial,sans-serif",
        }
    )
    count = PLOT_WIDTH - LEFT - RIGHT
    smooth = _resampled(short_term(heard.momentary), count)
    moments = _resampled(heard.momentary, count)
    high = _y(target - 1) - _y(target + 1)
    parts = [
        style,
        f'<rect class="paper" width="{PLOT_WIDTH}" height="{PLOT_HEIGHT}"/>',
        *_scale(heard),
        f'<rect class="band" x="{LEFT}" y="{_y(target + 1):g}" width="{count}" height="{high:.4g}"/>',
        f'<path class="moments" d="{_area(moments)}"/>',
        f'<line class="aim" x1="{LEFT}" x2="{LEFT + count}" y1="{_y(target):g}" y2="{_y(target):g}"/>',
        *_chapters(heard),
        f'<polyline class="line" points="{_line(smooth)}"/>',
        f'<text class="words" x="{LEFT}" y="26">{_signed(heard.loudness)} LUFS integrated</text>',
        f'<text class="small" x="{LEFT}" y="45">true peak {_signed(heard.peak)} dBTP, {clock(heard.seconds)}</text>',
    ]
    about = (
        f"Loudness of {heard.title}: {_signed(heard.loudness)} LUFS integrated, "
        f"true peak {_signed(heard.peak)} dBTP"
    )
    return _svg(PLOT_WIDTH, PLOT_HEIGHT, about, "".join(parts))


def _scale(heard: Heard) -> list[str]:
    """The lines of the plot with their figures: LUFS upwards, minutes to the right."""
    right, floor = PLOT_WIDTH - RIGHT, PLOT_HEIGHT - BOTTOM
    parts = list[str]()
    for level in range(int(FLOOR), int(CEILING) + 1, 4):
        y = _y(level)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:g}" y2="{y:g}"/>')
        parts.append(
            f'<text class="small" x="{LEFT - 10}" y="{y + 4:g}" text-anchor="end">{_signed(level, 0)}</text>'
        )
    for moment in _ticks(heard.seconds):
        x = _x(moment, heard)
        parts.append(
            f'<text class="small" x="{x:.4g}" y="{floor + 22}" text-anchor="middle">{clock(moment)}</text>'
        )
    return parts


def _chapters(heard: Heard) -> list[str]:
    """Where chapters begin, with as much of their names as fits."""
    parts = list[str]()
    starts = [*(start for start, _ in heard.chapters), heard.seconds]
    for number, (start, title) in enumerate(heard.chapters):
        x = _x(start, heard)
        room = _x(starts[number + 1], heard) - x - 8
        if number:
            parts.append(
                f'<line class="chapter" x1="{x:.5g}" x2="{x:.5g}" y1="{TOP}" y2="{PLOT_HEIGHT - BOTTOM}"/>'
            )
        if name := _fitting(title, room):
            parts.append(
                f'<text class="name" x="{x + 5:.5g}" y="{PLOT_HEIGHT - BOTTOM - 8}">{escape(name)}</text>'
            )
    return parts


LETTER = 7.2
"""Pixels of a letter of a chapter's name, about."""


def _fitting(title: str, room: float) -> str:
    letters = int(room / LETTER)
    if len(title) <= letters:
        return title
    return title[: letters - 1].rstrip() + "…" if letters >= 6 else ""


def _ticks(seconds: float) -> list[float]:
    """At most nine round moments from the beginning on."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((one for one in steps if seconds / one <= 8), 7200)
    return [float(moment) for moment in range(0, int(seconds) + 1, step)]


def _x(moment: float, heard: Heard) -> float:
    return LEFT + moment / heard.seconds * (PLOT_WIDTH - LEFT - RIGHT)


def _y(level: float) -> float:
    share = (min(CEILING, max(FLOOR, level)) - FLOOR) / (CEILING - FLOOR)
    return round(PLOT_HEIGHT - BOTTOM - share * (PLOT_HEIGHT - BOTTOM - TOP), 1)


def _line(levels: Sequence[float]) -> str:
    return " ".join(f"{LEFT + x},{_y(level):g}" for x, level in enumerate(levels))


def _area(levels: Sequence[float]) -> str:
    floor = PLOT_HEIGHT - BOTTOM
    tops = "".join(f"L{LEFT + x} {_y(level):g}" for x, level in enumerate(levels))
    return f"M{LEFT} {floor}{tops}L{LEFT + len(levels) - 1} {floor}z"


AROUND = 4
"""Moments before and after one that are seen in its bar: with fewer, each pause between words is a hole."""


def _sampled(shares: Sequence[float], count: int) -> list[float]:
    """So many moments, evenly spread; the mean of all between them would be as level as a plank."""
    found = list[float]()
    for number in range(count):
        middle = (2 * number + 1) * len(shares) // (2 * count)
        near = shares[max(0, middle - AROUND) : middle + AROUND + 1]
        found.append(sum(near) / len(near) if near else 0.0)
    return found


def _resampled(levels: Sequence[float], count: int) -> list[float]:
    """As many levels as asked for, each the mean power of its share of the time."""
    powers = [10 ** (level / 10) for level in levels] or [0.0]
    found = list[float]()
    for number in range(count):
        begin = number * len(powers) // count
        end = max(begin + 1, (number + 1) * len(powers) // count)
        mean = sum(powers[begin:end]) / (end - begin)
        found.append(10 * math.log10(max(mean, 1e-12)))
    return found


def _svg(width: int, height: int, about: str, content: str, how: str = "") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {how}role="img">'
        f"<title>{escape(about)}</title>{content}</svg>\n"
    )


def _signed(level: float, digits: int = 1) -> str:
    return f"{level:.{digits}f}".replace("-", "−")


def clock(seconds: float) -> str:
    """A moment as people write it: 4:05, or 1:02:33."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"

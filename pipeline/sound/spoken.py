"""Written words become the words a voice is given: numbers, money, dates, units, addresses, abbreviations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True)
class Run:
    """Written words; `said` is what the author wants to hear in their place, word for word."""

    written: str
    said: str = ""


def spoken(runs: Iterable[Run], lexicon: Mapping[str, str], language: str = "en") -> str:
    """What a voice is given for some written words: `said` wins, then the lexicon, then the rules of English.

    In another language than English the words stay as they are written: its voice has its own rules.
    """
    fixed: list[str] = []
    text = "".join(_kept(run.said, fixed) if run.said else _clean(run.written) for run in runs)
    text = _looked_up(text, lexicon, fixed)
    if language.partition("-")[0] == "en":
        for pattern, words in _rules():
            text = pattern.sub(words, text)
    text = re.sub(f"(?<={_FIXED})-(?=\\w)|(?<=\\w)-(?={_FIXED})", " ", text)
    return _tidy(re.sub(_FIXED, lambda m: fixed[ord(m[0]) - _FIRST], text))


# What is already in spoken words stands in the text as one character that no rule touches.
_FIRST, _LAST = 0xE000, 0xF8FF
_FIXED = f"[{chr(_FIRST)}-{chr(_LAST)}]"


def _kept(words: str, fixed: list[str]) -> str:
    if len(fixed) > _LAST - _FIRST:
        return words
    fixed.append(" ".join(words.split()))
    return chr(_FIRST + len(fixed) - 1)


def _clean(written: str) -> str:
    text = unicodedata.normalize("NFC", written)
    text = re.sub(f"{_FIXED}|[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufe0f]", "", text)
    text = re.sub("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))", ",", text)
    return re.sub(r"\s", " ", text)


def _looked_up(text: str, lexicon: Mapping[str, str], fixed: list[str]) -> str:
    if not lexicon:
        return text
    longest_first = sorted(lexicon, key=lambda name: (-len(name), name))
    names = "|".join(re.escape(name) for name in longest_first)
    pattern = rf"(?<!\w)(?<!\d[.,])(?:{names})(?!\w|[.,]\d|-\d)"
    return re.sub(pattern, lambda m: _kept(lexicon[m[0]], fixed), text)


def _tidy(text: str) -> str:
    text = "".join(" " if _silent(c) else c for c in text)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" (?=[,.;:!?…)”])", "", text).strip()


def _silent(character: str) -> bool:
    return character in "*_`|^{}[]<>\\~" or unicodedata.category(character) in (
        "So",
        "Co",
        "Cc",
        "Cs",
    )


# ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_DASH = r"\s?[-–—]\s?"


@cache
def _words(number: str, to: str = "cardinal") -> str:
    from num2words2 import num2words

    return str(num2words(number, to=to)).replace(",", "")


def cardinal(number: str) -> str:
    """ "11,000" is eleven thousand, "3.50" three point five zero; more than 15 digits are read one by one."""
    whole, point, decimals = number.replace(",", "").partition(".")
    if len(whole) > 15:
        return " ".join(_words(digit) for digit in whole)
    words = _words(str(int(whole)))
    return f"{words} point {' '.join(_words(d) for d in decimals)}" if point else words


def ordinal(number: str) -> str:
    """ "21" is twenty-first."""
    return _words(str(int(number.replace(",", ""))), "ordinal")


def year(number: str) -> str:
    """ "2026" is twenty twenty-six, "2005" two thousand and five."""
    return _words(str(int(number)), "year")


def _digits(number: str) -> str:
    """A number as it stands alone: a year, a code with a leading zero, or a quantity."""
    if re.fullmatch(r"1[1-9]\d\d|20\d\d", number):
        return year(number)
    if re.fullmatch(r"0\d", number):
        return f"oh {_words(number[1])}" if number != "00" else "zero zero"
    if re.fullmatch(r"0\d\d+", number):
        return " ".join(_words(digit) for digit in number)
    return cardinal(number)


_SIGNS = {
    "-": "minus", "−": "minus", "+": "plus", "±": "plus or minus", "~": "about", "≈": "about",
    "<": "less than", ">": "more than", "≤": "at most", "≥": "at least",
}  # fmt: skip
_SIGN = r"(?:(?<![\w)\]])(?P<sign>[-−+±~≈<>≤≥])\s?)?"
_AMOUNT = rf"{_SIGN}(?<![\w.,])(?P<low>{_NUMBER})(?:(?:{_DASH}|\sto\s)(?P<high>{_NUMBER}))?"
_MAGNITUDES = {
    "k": "thousand", "K": "thousand", "thousand": "thousand", "m": "million", "M": "million",
    "mn": "million", "million": "million", "b": "billion", "B": "billion", "bn": "billion",
    "billion": "billion", "t": "trillion", "T": "trillion", "tn": "trillion", "trillion": "trillion",
}  # fmt: skip
_MAGNITUDE = (
    rf"(?:[\s-]?(?P<magnitude>{'|'.join(sorted(_MAGNITUDES, key=len, reverse=True))})(?!\w))"
)


def _amount(found: re.Match[str]) -> str:
    """The number of an amount in words: its sign, its range, its magnitude, and the + behind it."""
    parts = found.groupdict()
    out = [cardinal(parts["low"])]
    if parts.get("high"):
        out += ["to", cardinal(parts["high"])]
    if parts.get("magnitude"):
        out.append(_MAGNITUDES[parts["magnitude"]])
    if parts.get("plus"):
        out.insert(0, "more than")
    if parts.get("sign"):
        out.insert(0, _SIGNS[parts["sign"]])
    return " ".join(out)


def _one(found: re.Match[str]) -> bool:
    parts = found.groupdict()
    return parts["low"] == "1" and not (parts.get("high") or parts.get("magnitude"))


# ── Money ────────────────────────────────────────────────────────────────────────────────────────────────────

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"), "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"), "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}  # fmt: skip
_LANDS = {"US": "U S ", "A": "Australian ", "C": "Canadian ", "HK": "Hong Kong ", "S": "Singapore "}
_CODES = {
    "USD": "U S dollars",
    "EUR": "euros",
    "GBP": "pounds",
    "JPY": "yen",
    "CHF": "Swiss francs",
}


def _money(found: re.Match[str]) -> str:
    land = _LANDS.get(found["land"] or "", "")
    one, many, cent, cents = _CURRENCIES[found["currency"]]
    pounds, point, pence = found["low"].partition(".")
    if point and len(pence) == 2 and not (found["magnitude"] or found["high"]):
        whole = _of(pounds, land + one, land + many) if int(pounds.replace(",", "")) else ""
        small = _of(pence, cent, cents) if int(pence) else ""
        sign = f"{_SIGNS[found['sign']]} " if found["sign"] else ""
        return sign + (" and ".join(filter(None, (whole, small))) or f"zero {many}")
    if re.match(r"-[a-z]", found.string[found.end() :]) or "-" in (found["hyphen"] or ""):
        return f"{_amount(found)} {land}{one}".replace(" ", "-" if found["hyphen"] else " ")
    return f"{_amount(found)} {land}{one if _one(found) else many}"


def _of(number: str, one: str, many: str) -> str:
    return f"{cardinal(number)} {one if int(number.replace(',', '')) == 1 else many}"


# ── Units ────────────────────────────────────────────────────────────────────────────────────────────────────

_UNITS = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "t": "ton", "l": "liter", "L": "liter", "ml": "milliliter",
    "mi": "mile", "lb": "pound", "lbs": "pound", "oz": "ounce", "ha": "hectare",
    "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte",
    "Mbit": "megabit", "Gbit": "gigabit", "kbit": "kilobit",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "TW": "terawatt", "V": "volt",
    "Wh": "watt hour", "kWh": "kilowatt hour", "MWh": "megawatt hour", "GWh": "gigawatt hour",
    "TWh": "terawatt hour", "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "s": "second",
    "sec": "second", "ms": "millisecond", "µs": "microsecond", "ns": "nanosecond", "dB": "decibel",
    "km/h": "kilometer per hour", "mph": "mile per hour", "m/s": "meter per second", "fps": "frame per second",
    "kbit/s": "kilobit per second", "Mbit/s": "megabit per second", "Gbit/s": "gigabit per second",
    "kB/s": "kilobyte per second", "MB/s": "megabyte per second", "GB/s": "gigabyte per second",
    "TB/s": "terabyte per second", "km²": "square kilometer", "m²": "square meter", "m³": "cubic meter",
    "°C": "degree Celsius", "°F": "degree Fahrenheit", "°": "degree", "pp": "percentage point",
    "FLOPS": "flop", "TFLOPS": "teraflop", "PFLOPS": "petaflop",
}  # fmt: skip
_UNCHANGED = {"hertz", "kilohertz", "megahertz", "gigahertz"}
_UNIT = "|".join(re.escape(u) for u in sorted(_UNITS, key=len, reverse=True))


def _unit(found: re.Match[str]) -> str:
    unit = _UNITS[found["unit"]]
    if found["hyphen"] == "-" or _one(found) or unit in _UNCHANGED:
        return f"{_amount(found)} {unit}"
    first, *rest = unit.split(" ", 1) if " per " in unit or unit.startswith("degree") else (unit,)
    return f"{_amount(found)} {' '.join([first + 's', *rest])}"


# ── Days and hours ───────────────────────────────────────────────────────────────────────────────────────────

_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_SHORT_MONTHS = [rf"{m[:3]}\." for m in _MONTHS if len(m) > 3] + [r"Sept\."]
_MONTH = rf"(?P<month>{'|'.join([*_MONTHS, *_SHORT_MONTHS])})"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1[1-9]\d\d|20\d\d)(?!\w|[.,]\d)"


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month[:3] == name[:3])


def _iso_date(found: re.Match[str]) -> str:
    return f"{_MONTHS[int(found['month']) - 1]} {ordinal(found['day'])}, {year(found['year'])}"


def _day_first(found: re.Match[str]) -> str:
    until = f" to the {ordinal(found['until'])}" if found["until"] else ""
    the = "" if re.search(r"\bthe $", found.string[: found.start()], re.I) else "the "
    tail = f", {year(found['year'])}" if found["year"] else ""
    return f"{the}{ordinal(found['day'])}{until} of {_month(found['month'])}{tail}"


def _month_first(found: re.Match[str]) -> str:
    tail = f", {year(found['year'])}" if found["year"] else ""
    return f"{_month(found['month'])} {ordinal(found['day'])}{tail}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), found["minute"] or "00"
    half = f" {found['half'][0].upper()} M" if found["half"] else ""
    if minute != "00":
        return f"{_words(str(hour))} {_digits(minute)}{half}{_stop(found)}"
    if half:
        return f"{_words(str(hour))}{half}{_stop(found)}"
    if hour in (0, 24):
        return "midnight"
    return f"{_words(str(hour))} {'o’clock' if hour <= 12 else 'hundred'}"


def _years(found: re.Match[str]) -> str:
    return f"{year(found['from'])} to {_digits(found['until'])}"


# ── Addresses ────────────────────────────────────────────────────────────────────────────────────────────────

_ENDINGS = "com|org|net|io|ai|dev|app|edu|gov|int|info|me|tv|fm|blog|example|test|eu|uk|de|fr|es|it|nl|ch|at|us|ca|au|jp"
_HOST = rf"(?:[\w-]+\.)+(?:{_ENDINGS})(?![\w-])"


def _address(found: re.Match[str]) -> str:
    host, _, path = re.sub(r"^(https?://)?(www\.)?", "", found[0]).partition("/")
    pages = [part for part in re.split(r"[?#]", path)[0].split("/") if part]
    return " slash ".join([_host(host), *(_host(page) for page in pages)])


def _host(name: str) -> str:
    return (
        name.replace(".", " dot ")
        .replace("-", " dash ")
        .replace("_", " underscore ")
        .replace("%", " ")
    )


def _mailbox(found: re.Match[str]) -> str:
    name, _, host = found[0].partition("@")
    return f"{_host(name)} at {_host(host)}"


# ── Abbreviations and letters ────────────────────────────────────────────────────────────────────────────────

_ANYWHERE = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "et al.": "and others", "cf.": "compare",
    "vs.": "versus", "vs": "versus", "approx.": "approximately", "Inc.": "Incorporated", "Corp.": "Corporation",
    "Ltd.": "Limited", "Jr.": "Junior", "Sr.": "Senior", "Ph.D.": "P H D", "PhD": "P H D", "w/o": "without",
    "a.k.a.": "also known as", "OK": "okay", "Dept.": "Department", "Bros.": "Brothers",
}  # fmt: skip
_BEFORE_NAME = {
    "Dr.": "Doctor", "Dr": "Doctor", "Mr.": "Mister", "Mr": "Mister", "Mrs.": "Missus", "Mrs": "Missus",
    "Ms.": "Miz", "Prof.": "Professor", "St.": "Saint", "Gov.": "Governor", "Sen.": "Senator",
    "Rep.": "Representative", "Gen.": "General", "Capt.": "Captain", "Lt.": "Lieutenant", "Rev.": "Reverend",
}  # fmt: skip
_BEFORE_NUMBER = {
    "No.": "number", "Nos.": "numbers", "#": "number", "№": "number", "p.": "page", "pp.": "pages",
    "Fig.": "figure", "fig.": "figure", "Vol.": "volume", "vol.": "volume", "Ch.": "chapter", "§": "section",
    "ca.": "around", "c.": "around", "est.": "estimated",
}  # fmt: skip
_FRACTIONS = {
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters",
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters",
    "24/7": "twenty-four seven", "9/11": "nine eleven",
}  # fmt: skip
_SYMBOLS = {
    "&": " and ", "@": " at ", "%": " percent", "=": " equals ", "→": " to ", "×": " times ", "+": " plus ", "·": ", ",
    "•": ", ", "/": " ", "−": " minus ", "~": " about ", "≈": " about ",
}  # fmt: skip
_READ_AS_WORDS = frozenset(
    "RAM ROM SIM PIN GIF LAN ZIP ACE THE AND NOT FOR ALL ANY YOU ARE CAN NEW ONE TWO OUT NOW BUT GET WAS HAS"
    " NO SO IF IN ON OF TO BY AT AS IS BE WE HE DO GO OR MY UP AN".split()
)
_READ_AS_LETTERS = frozenset("IEEE OECD ASIC AAAI IETF ACLU UEFA".split()) - {"ASIC", "UEFA"}
_ROMAN = {
    "II": "two",
    "III": "three",
    "IV": "four",
    "VI": "six",
    "VII": "seven",
    "VIII": "eight",
    "IX": "nine",
}


def _stop(found: re.Match[str]) -> str:
    """The full stop that an abbreviation shares with the end of its sentence."""
    rest = found.string[found.end() :].strip(" \"')]”’")
    return "." if found[0].endswith(".") and not rest else ""


def _letters(found: re.Match[str]) -> str:
    name = found["name"]
    if name in _READ_AS_WORDS or _shouted(found.string):
        return found[0]
    if len(name) > 3 and re.search("[AEIOU]", name) and name not in _READ_AS_LETTERS:
        return found[0]
    return " ".join(name) + (found["plural"] or "")


def _shouted(text: str) -> bool:
    words = re.findall(r"\w+", text)
    return text.upper() == text and any(len(w) > 5 or w in _READ_AS_WORDS for w in words)


def _choice(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=lambda n: (-len(n), n)))


@cache
def _rules() -> tuple[Rule, ...]:
    """In order: what a later rule would take for something else comes first."""
    listed: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", _mailbox),
        (rf"https?://[^\s<>“”\"]+[\w/]|(?<![\w@.])(?:www\.)?{_HOST}(?:/[\w./-]*[\w/])?", _address),
        (r"(?<![\w-])(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\w-])", _iso_date),
        (rf"(?<![\w.,$€£]){_DAY}(?:{_DASH}(?P<until>\d\d?))?\s(?:of\s)?{_MONTH}(?![a-z])(?:,?\s{_YEAR})?", _day_first),
        (rf"\b{_MONTH}\s{_DAY}(?![\w%]|[.,]\d)(?:,?\s{_YEAR})?", _month_first),
        (r"\b(?P<hour>[01]?\d|2[0-4])(?::(?P<minute>[0-5]\d))?\s?(?P<half>[ap]\.m\.|[ap]m\b|[AP]M\b)", _time),
        (r"(?<![\w:.,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?![\w:])(?P<half>)", _time),
        (r"(?<![\w:.])(?P<low>\d+):(?P<high>\d+)(?![\w:])", lambda m: f"{cardinal(m[1])} to {cardinal(m[2])}"),
        (
            rf"{_SIGN}(?<!\w)(?P<land>US|A|C|HK|S)?(?P<currency>[$€£¥₹])\s?(?P<low>{_NUMBER})"
            rf"(?:{_DASH}(?P=currency)?(?P<high>{_NUMBER}))?(?P<hyphen>-(?=[a-z]+illion))?{_MAGNITUDE}?(?P<plus>\+)?",
            _money,
        ),
        (
            rf"(?P<code>{'|'.join(_CODES)})\s?{_AMOUNT}{_MAGNITUDE}?",
            lambda m: f"{_amount(m)} {_CODES[m['code']]}",
        ),
        (
            rf"{_AMOUNT}{_MAGNITUDE}?\s?(?P<code>{'|'.join(_CODES)})\b",
            lambda m: f"{_amount(m)} {_CODES[m['code']]}",
        ),
        (rf"{_AMOUNT}(?P<plus>\+)?\s?%", lambda m: f"{_amount(m)} percent"),
        (rf"{_AMOUNT}\s?×\s?(?P<by>{_NUMBER})", lambda m: f"{_amount(m)} by {cardinal(m['by'])}"),
        (rf"{_AMOUNT}\s?[×x](?!\w)", lambda m: f"{_amount(m)} times"),
        (r"(?<![\w.])(?P<low>[48])K\b", lambda m: f"{cardinal(m['low'])} K"),
        (rf"{_AMOUNT}(?P<plus>\+)?[-]?(?P<magnitude>[kKMBT]|bn|tn)(?P<tail>\+)?(?!\w)", _amount),
        (r"(?<![\w.-])(?P<from>1[1-9]\d\d|20\d\d)\s?[-–—]\s?(?P<until>\d{4}|\d\d)(?![\w%]|[.,]\d)", _years),
        (r"(?<!\w)[’'](?P<year>\d0)s\b|\b(?P<full>\d{3}0|[2-9]0)s\b", _decade),
        (rf"{_AMOUNT}(?P<hyphen>[\s-]?)(?P<unit>{_UNIT})(?![\w/²³])", _unit),
        (r"\b(?P<n>\d[\d,]*)(?:st|nd|rd|th)\b", lambda m: ordinal(m["n"])),
        (r"\b[vV](?:ersion )?(?P<n>\d+(?:\.\d+)*)\b", lambda m: f"version {' point '.join(map(cardinal, m['n'].split('.')))}"),
        (rf"(?<![\w.])(?:{_choice(_FRACTIONS)})(?![\w/])", lambda m: _FRACTIONS[m[0]]),
        (r"(?P<n>\d)(?P<part>[½⅓⅔¼¾])", lambda m: f"{cardinal(m['n'])} and {_FRACTIONS[m['part']].replace('one ', 'a ')}"),
        (rf"(?<![\w/])(?P<a>\d+)/(?P<b>\d+)(?![\w/])", lambda m: f"{cardinal(m['a'])} out of {cardinal(m['b'])}"),
        (r"(?<=\d)/(?=[a-z])|(?<=[a-z])/(?=(?:second|minute|hour|day|week|month|year|token|user|seat)s?\b)", lambda m: " per "),
        (rf"(?<![\w.])(?:{_choice(_BEFORE_NUMBER)})\s?(?=\d)", lambda m: _BEFORE_NUMBER[m[0].strip()] + " "),
        (rf"(?<![\w.])(?:{_choice(_BEFORE_NAME)})\s(?=[A-Z{chr(_FIRST)}-{chr(_LAST)}])", lambda m: _BEFORE_NAME[m[0].strip()] + " "),
        (rf"(?<![\w.])(?:{_choice(_ANYWHERE)})(?!\w)", lambda m: _ANYWHERE[m[0]] + _stop(m)),
        (r"(?<![\w.])(?:[A-Z]\.){2,}", lambda m: " ".join(m[0].replace(".", "")) + _stop(m)),
        (r"(?<![\w.])(?P<initial>[A-Z])\.\s(?=[A-Z])", lambda m: f"{m['initial']} "),
        (r"\b(?P<before>Episode|Chapter|Part|Season|number|Issue) 0+(?=\d)", lambda m: f"{m['before']} "),
        (rf"(?<=[A-Za-z])-(?=\d)|(?<=[A-Za-z])(?=\d)|(?<=\d)-(?=[A-Z])|(?<={_FIXED})-?(?=\d)", lambda m: " "),
        (rf"{_AMOUNT}\+(?P<plus>)(?!\d)", lambda m: f"more than {_amount(m)}"),
        (rf"(?<![\w.])(?P<low>{_NUMBER})\s?[-–]\s?(?P<high>{_NUMBER})(?![\w.]\d)", _amount),
        (rf"(?<![\w)])(?P<sign>[-−±<>≤≥~≈]|\+(?=\d))\s?(?P<low>{_NUMBER})", _amount),
        (rf"(?P<low>{_NUMBER})(?P<letter>[A-Za-z])?", lambda m: _digits(m["low"]) + (f" {m['letter']}" if m["letter"] else "")),
        (r"\b(?P<before>[A-Z][a-z]+) (?P<roman>VIII|VII|VI|IV|IX|III|II)\b", lambda m: f"{m['before']} {_ROMAN[m['roman']]}"),
        (r"(?<!\bMc)(?<!\bMac)(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", lambda m: " "),
        (r"\b[A-Z]{1,3}&[A-Z]{1,3}\b", lambda m: " ".join(m[0]).replace("&", "and")),
        (r"\b(?P<name>[A-Z]{2,5})(?P<plural>s)?\b", _letters),
        (r"(?<=\b[A-Z] [A-Z])-(?=[A-Za-z])|(?<=[a-z])-(?=[A-Z] [A-Z]\b)", lambda m: " "),
        (f"[{re.escape(''.join(_SYMBOLS))}]", lambda m: _SYMBOLS[m[0]]),
    ]  # fmt: skip
    return tuple((re.compile(pattern), words) for pattern, words in listed)


def _decade(found: re.Match[str]) -> str:
    number = found["year"] or found["full"]
    words = year(number) if len(number) == 4 else cardinal(number)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"

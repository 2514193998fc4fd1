"""How English is read aloud: the rules that turn its numbers, signs and abbreviations into words.

The rules stand in the order in which they are used: what a later one would mistake comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache

SAID = "[\ue000-\uf8ff]"
"""One character that stands for words already in spoken form; no rule changes it."""

Rule = Callable[[re.Match[str]], str]
RULES: list[tuple[re.Pattern[str], Rule]] = []


def read_aloud(text: str) -> str:
    """The text with every number, sign and abbreviation in words."""
    for pattern, words in RULES:
        text = pattern.sub(words, text)
    return text


def _rule(*patterns: str) -> Callable[[Rule], Rule]:
    def add(words: Rule) -> Rule:
        RULES.append((re.compile("".join(patterns)), words))
        return words

    return add


def _any(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=lambda n: (-len(n), n)))


# --- numbers in words

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_DASH = r"\s?[-–—]\s?"
_SIGNS = {
    "-": "minus", "−": "minus", "+": "plus", "±": "plus or minus", "~": "about", "≈": "about",
    "<": "less than", ">": "more than", "≤": "at most", "≥": "at least",
}  # fmt: skip
_SIGN = r"(?:(?<![\w)\]])(?P<sign>[-−+±~≈<>≤≥])\s?)?"
_AMOUNT = rf"{_SIGN}(?<![\w.,])(?P<low>{_NUMBER})(?:(?:{_DASH}|\sto\s)(?P<high>{_NUMBER}))?"
_MAGNITUDES = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million",
    "b": "billion", "B": "billion", "bn": "billion", "t": "trillion", "T": "trillion", "tn": "trillion",
    "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
    "lakh": "lakh", "crore": "crore",
}  # fmt: skip
_MAGNITUDE = rf"(?:[\s-]?(?P<magnitude>{_any(_MAGNITUDES)})(?!\w))"
_MOST_DIGITS = 15
"""A number with more digits is read digit by digit."""


@cache
def _words(number: int, to: str = "cardinal") -> str:
    from num2words2 import num2words

    return str(num2words(number, to=to)).replace(",", "")


def _one_by_one(digits: str) -> str:
    return " ".join(_words(int(digit)) for digit in digits)


def cardinal(number: str) -> str:
    """Eleven thousand for "11,000", three point five zero for "3.50"."""
    whole, point, decimals = number.replace(",", "").partition(".")
    words = _one_by_one(whole) if len(whole) > _MOST_DIGITS else _words(int(whole))
    return f"{words} point {_one_by_one(decimals)}" if point else words


def ordinal(number: str) -> str:
    """Twenty-first for "21"."""
    return _words(int(number.replace(",", "")), "ordinal")


def year(number: str) -> str:
    """Twenty twenty-six for "2026", two thousand and five for "2005"."""
    return _words(int(number), "year")


def _alone(number: str) -> str:
    """A number without anything that says what it counts: a year, a code with a zero before it, a quantity."""
    if re.fullmatch(r"1[1-9]\d\d|20\d\d", number):
        return year(number)
    if re.fullmatch(r"0[1-9]", number):
        return f"oh {_words(int(number))}"
    return _one_by_one(number) if re.fullmatch(r"0\d+", number) else cardinal(number)


def _amount(found: re.Match[str]) -> str:
    """An amount with its sign, its range, its magnitude, and the + behind it."""
    parts = found.groupdict()
    words = [_SIGNS[parts["sign"]]] if parts.get("sign") else []
    words += ["more than"] if parts.get("plus") else []
    words += [cardinal(parts["low"])]
    words += ["to", cardinal(parts["high"])] if parts.get("high") else []
    words += [_MAGNITUDES[parts["magnitude"]]] if parts.get("magnitude") else []
    return " ".join(words)


def _is_one(found: re.Match[str]) -> bool:
    parts = found.groupdict()
    return parts["low"] == "1" and not (parts.get("high") or parts.get("magnitude"))


def _full_stop(found: re.Match[str]) -> str:
    """The full stop that an abbreviation shares with the end of its sentence."""
    rest = found.string[found.end() :].strip(" \"')]”’")
    return "." if found[0].endswith(".") and not rest else ""


# --- addresses

_ENDINGS = (
    "com|org|net|io|ai|dev|app|edu|gov|int|info|me|tv|fm|blog|example|test"
    "|eu|uk|de|fr|es|it|nl|ch|at|us|ca|au|jp"
)
_HOST = rf"(?:[\w-]+\.)+(?:{_ENDINGS})(?![\w-])"


def _dotted(name: str) -> str:
    return re.sub(r"[.\-_%]", lambda m: {".": " dot ", "-": " dash "}.get(m[0], " "), name)


@_rule(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
def _mailbox(found: re.Match[str]) -> str:
    name, _, host = found[0].partition("@")
    return f"{_dotted(name)} at {_dotted(host)}"


@_rule(r"https?://[^\s<>“”\"]+[\w/]", rf"|(?<![\w@.-])(?:www\.)?{_HOST}(?:/[\w./-]*[\w/])?")
def _address(found: re.Match[str]) -> str:
    host, _, path = re.sub(r"^(https?://)?(www\.)?", "", found[0]).partition("/")
    pages = [part for part in re.split(r"[?#]", path)[0].split("/") if part]
    host = host.replace(":", " port ")
    return " slash ".join(_dotted(name) for name in (host, *pages))


# --- names that are read in a way of their own

_NAMES = {
    "SaaS": "sass", "PaaS": "pass", ".NET": "dot net", "C#": "C sharp", "F#": "F sharp", "TL;DR": "T L D R",
    "WWI": "World War one", "WWII": "World War two", "401(k)": "four oh one K", "50-50": "fifty-fifty",
    "50/50": "fifty-fifty", "16:9": "sixteen by nine", "4:3": "four by three", "21:9": "twenty-one by nine",
    "w/": "with", "c/o": "care of", "JSON": "Jason", "GIFs": "gifs", "LaTeX": "lah-tech", "OAuth": "O auth",
}  # fmt: skip


@_rule(rf"(?<![\w/.])(?:{_any(_NAMES)})(?!\w|[.,:/]\d)")
def _name(found: re.Match[str]) -> str:
    return _NAMES[found[0]]


@_rule(r"(?<=[A-Za-z])\.js\b")
def _name_with_dot(found: re.Match[str]) -> str:
    return " J S"


@_rule(r"(?<!\w)#(?=[A-Za-z])")
def _hashtag(found: re.Match[str]) -> str:
    return "hashtag "


# --- figures as they are written elsewhere

_LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_HIGH = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@_rule(r"[₀-₉]+")
def _below(found: re.Match[str]) -> str:
    return found[0].translate(_LOW)


@_rule(r"(?<![\w.,])(?P<base>\d+)(?:\s?\^\s?(?P<plain>[-−]?\d+)|(?P<high>⁻?[⁰¹²³⁴-⁹]+))(?!\w)")
def _power(found: re.Match[str]) -> str:
    power = (found["plain"] or found["high"].translate(_HIGH)).replace("−", "-")
    words = ("minus " if power[0] == "-" else "") + cardinal(power.lstrip("-"))
    return f"{cardinal(found['base'])} to the power of {words}"


@_rule(r"(?<![\w.])(?:\+\d{1,2}[\s.-])?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}(?!\w|[.,]\d)")
def _telephone(found: re.Match[str]) -> str:
    plus = "plus " if found[0][0] == "+" else ""
    return plus + ", ".join(_one_by_one(group) for group in re.findall(r"\d+", found[0]))


@_rule(r"(?<![\w.,+])\d{1,3}(?: \d{3}){2,}(?!\s?[\w.,]?\d)")
def _spaced_thousands(found: re.Match[str]) -> str:
    return found[0].replace(" ", ",")


@_rule(r"(?<![\w.])\d+(?:\.\d+){2,}(?![\w])")
def _numbers_with_dots(found: re.Match[str]) -> str:
    return " point ".join(cardinal(part) for part in found[0].split("."))


@_rule(r"(?<![\w.,])(?P<feet>\d)['’′](?P<inches>\d{1,2})[\"”″]")
def _height(found: re.Match[str]) -> str:
    return f"{cardinal(found['feet'])} foot {cardinal(found['inches'])}"


@_rule(r"(?<![\w.,])(?P<first>\d\d?)(?P<last>20|40|60|80)p\b")
def _lines_of_a_screen(found: re.Match[str]) -> str:
    return f"{cardinal(found['first'])} {cardinal(found['last'])} P"


@_rule(
    r"(?P<until>\d(?::\d\d|bn|tn|mn|[kKmMbBtTx×%]|\s?[ap]\.?m\.?)|\b(?:noon|midnight))\s?[-–]\s?",
    r"(?=[$€£¥₹~]?\d|noon\b|midnight\b)",
)
def _until(found: re.Match[str]) -> str:
    return f"{found['until']} to "


_ROUND = {
    "10s": "tens", "100s": "hundreds", "1000s": "thousands", "1,000s": "thousands",
    "10,000s": "tens of thousands", "100,000s": "hundreds of thousands",
}  # fmt: skip


@_rule(rf"(?<![\w.,$€£])(?:{_any(_ROUND)})(?=\sof\b)")
def _round(found: re.Match[str]) -> str:
    return _ROUND[found[0]]


# --- days and hours

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SHORT = [rf"{month[:3]}\b\.?" for month in _MONTHS if len(month) > 3]
_MONTH = rf"(?P<month>{'|'.join([*_MONTHS, *_SHORT])}|Sept\b\.?)"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s(?P<year>1[1-9]\d\d|20\d\d)(?!\w|[.,]\d))?"


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month[:3] == name[:3])


def _in_year(found: re.Match[str]) -> str:
    return f", {year(found['year'])}" if found["year"] else ""


@_rule(
    r"(?<![\w/-])(?P<year>1[1-9]\d\d|20\d\d)(?P<mark>[-/])(?P<month>0[1-9]|1[0-2])(?P=mark)",
    r"(?P<day>0[1-9]|[12]\d|3[01])(?![\w/-])",
)
def _iso_date(found: re.Match[str]) -> str:
    return f"{_MONTHS[int(found['month']) - 1]} {ordinal(found['day'])}{_in_year(found)}"


@_rule(
    r"(?<![\w/.])(?P<one>0?[1-9]|[12]\d|3[01])/(?P<two>0?[1-9]|[12]\d|3[01])/(?P<year>1[1-9]\d\d|20\d\d)(?![\w/])"
)
def _date_with_slashes(found: re.Match[str]) -> str:
    """The month first, as in America, but where it can be none."""
    one, two = int(found["one"]), int(found["two"])
    month, day = (two, one) if one > 12 else (one, two)
    if month > 12:
        return found[0]
    return f"{_MONTHS[month - 1]} {ordinal(str(day))}{_in_year(found)}"


@_rule(rf"(?<![\w.,$€£]){_DAY}(?:{_DASH}(?P<until>\d\d?))?\s(?:of\s)?{_MONTH}(?![a-z]){_YEAR}")
def _day_first(found: re.Match[str]) -> str:
    the = "" if re.search(r"\bthe $", found.string[: found.start()], re.I) else "the "
    until = f" to the {ordinal(found['until'])}" if found["until"] else ""
    return f"{the}{ordinal(found['day'])}{until} of {_month(found['month'])}{_in_year(found)}"


@_rule(
    rf"\b{_MONTH}\s{_DAY}(?:{_DASH}(?P<until>[12]\d|3[01]|[1-9])(?:st|nd|rd|th)?)?(?![\w%:]|[.,]\d){_YEAR}"
)
def _month_first(found: re.Match[str]) -> str:
    until = f" to {ordinal(found['until'])}" if found["until"] else ""
    return f"{_month(found['month'])} {ordinal(found['day'])}{until}{_in_year(found)}"


@_rule(rf"\b(?P<month>{'|'.join(_SHORT)}|Sept\b\.?)(?=\s(?:1[1-9]\d\d|20\d\d)\b)")
def _month_alone(found: re.Match[str]) -> str:
    return _month(found["month"])


@_rule(r"\bFY\s?(?:20)?(?P<year>\d\d)\b")
def _fiscal_year(found: re.Match[str]) -> str:
    return f"fiscal year {year('20' + found['year'])}"


@_rule(r"(?<![\w:.,])(?P<hours>\d\d?):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)(?![\w:]|[.,]\d)")
def _clock(found: re.Match[str]) -> str:
    return f"{cardinal(found['hours'])} {_alone(found['minutes'])} {_alone(found['seconds'])}"


@_rule(
    r"\b(?P<hour>[01]?\d|2[0-4])(?::(?P<minute>[0-5]\d))?\s?",
    r"(?P<half>[ap]\.m\.|[ap]m\b|[AP]M\b)",
)
def _half_day(found: re.Match[str]) -> str:
    minute = f" {_alone(found['minute'])}" if found["minute"] not in (None, "00") else ""
    return f"{_words(int(found['hour']))}{minute} {found['half'][0].upper()} M{_full_stop(found)}"


@_rule(r"(?<![\w:.,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?![\w:])")
def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), found["minute"]
    if minute != "00":
        return f"{_words(hour)} {_alone(minute)}"
    if hour in (0, 24):
        return "midnight"
    return f"{_words(hour)} {'o’clock' if hour <= 12 else 'hundred'}"


@_rule(r"(?<![\w:.])(?P<low>\d+):(?P<high>\d+)(?![\w:])")
def _ratio(found: re.Match[str]) -> str:
    return f"{cardinal(found['low'])} to {cardinal(found['high'])}"


# --- money

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"), "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"), "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}  # fmt: skip
_LANDS = {"US": "U S ", "A": "Australian ", "C": "Canadian ", "HK": "Hong Kong ", "S": "Singapore "}
_CODES = {
    "USD": "U S dollars", "EUR": "euros", "GBP": "pounds", "JPY": "yen", "CHF": "Swiss francs",
}  # fmt: skip
_CODE = rf"(?P<code>{_any(_CODES)})"


@_rule(
    rf"{_SIGN}(?<!\w)(?P<land>{_any(_LANDS)})?(?P<currency>[$€£¥₹])\s?(?P<low>{_NUMBER})",
    rf"(?:{_DASH}(?P=currency)?(?P<high>{_NUMBER}))?",
    rf"(?P<hyphen>-(?=[a-z]+illion\b))?{_MAGNITUDE}?(?P<plus>\+)?(?P<behind>-(?=[a-z]))?",
)
def _money(found: re.Match[str]) -> str:
    land = _LANDS.get(found["land"] or "", "")
    one, many, cent, cents = _CURRENCIES[found["currency"]]
    whole, _, rest = found["low"].partition(".")
    if len(rest) == 2 and not (found["magnitude"] or found["high"]):
        parts = [_count(whole, land + one, land + many), _count(rest, cent, cents)]
        sign = [_SIGNS[found["sign"]]] if found["sign"] else []
        return " ".join([*sign, " and ".join(filter(None, parts)) or f"zero {many}"])
    if found["hyphen"] or found["behind"] or _describes(found):  # a thirteen-billion-dollar deal
        return f"{_amount(found)} {land}{one}".replace(" ", "-") + (found["behind"] or "")
    return f"{_amount(found)} {land}{one if _is_one(found) else many}"


_ON_ITS_OWN = "(?:a|an|and|as|at|but|by|each|for|from|in|into|is|more|of|on|or|over|per|so|than|that|the|to|was|with)"
"""Words behind a sum that it does not describe."""


def _describes(found: re.Match[str]) -> bool:
    """Whether a sum stands between an article and the thing that it is the price of: a $2m house."""
    before, behind = found.string[: found.start()], found.string[found.end() :]
    return bool(
        re.search(r"\b[Aa]n?\s$", before) and re.match(rf"\s(?!{_ON_ITS_OWN}\b)[a-z]{{2,}}", behind)
    )


@_rule(rf"(?<![\w.,])(?P<low>{_NUMBER})\s?¢")
def _cents(found: re.Match[str]) -> str:
    return (
        _count(found["low"], "cent", "cents")
        if "." not in found["low"]
        else _amount(found) + " cents"
    )


def _count(number: str, one: str, many: str) -> str:
    count = int(number.replace(",", ""))
    return f"{cardinal(number)} {one if count == 1 else many}" if count else ""


@_rule(rf"\b{_CODE}\s?(?P<low>{_NUMBER}){_MAGNITUDE}?")
def _code_first(found: re.Match[str]) -> str:
    return f"{_amount(found)} {_CODES[found['code']]}"


@_rule(rf"{_AMOUNT}{_MAGNITUDE}?\s?{_CODE}\b")
def _code_last(found: re.Match[str]) -> str:
    return f"{_amount(found)} {_CODES[found['code']]}"


# --- quantities

_UNITS = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer",
    "kg": "kilogram", "g": "gram", "mg": "milligram", "t": "ton", "l": "liter", "L": "liter",
    "ml": "milliliter", "mi": "mile", "lb": "pound", "lbs": "pound", "oz": "ounce", "ha": "hectare",
    "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte",
    "PB": "petabyte", "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "TW": "terawatt", "V": "volt",
    "Wh": "watt hour", "kWh": "kilowatt hour", "MWh": "megawatt hour", "GWh": "gigawatt hour",
    "TWh": "terawatt hour", "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "s": "second",
    "sec": "second", "ms": "millisecond", "µs": "microsecond", "ns": "nanosecond", "dB": "decibel",
    "km/h": "kilometer per hour", "mph": "mile per hour", "m/s": "meter per second",
    "fps": "frame per second", "kbit/s": "kilobit per second", "Mbit/s": "megabit per second",
    "Gbit/s": "gigabit per second", "kB/s": "kilobyte per second", "MB/s": "megabyte per second",
    "GB/s": "gigabyte per second", "TB/s": "terabyte per second", "km²": "square kilometer",
    "m²": "square meter", "m³": "cubic meter", "°C": "degree Celsius", "°F": "degree Fahrenheit",
    "°": "degree", "pp": "percentage point", "bp": "basis point", "bps": "basis point", "ft": "foot",
    "sq ft": "square foot", "sq. ft.": "square foot", "yd": "yard", "yr": "year", "yrs": "year", "mo": "month",
    "mos": "month", "gal": "gallon", "mins": "minute", "secs": "second", "GWe": "gigawatt", "FLOPS": "flop",
    "PFLOPS": "petaflop", "TFLOPS": "teraflop",
}  # fmt: skip


@_rule(rf"{_AMOUNT}(?P<plus>\+)?\s?%")
def _percent(found: re.Match[str]) -> str:
    return f"{_amount(found)} percent"


@_rule(rf"{_AMOUNT}\s?[×x]\s?(?P<by>{_NUMBER})")
def _by(found: re.Match[str]) -> str:
    return f"{_amount(found)} by {cardinal(found['by'])}"


@_rule(rf"{_AMOUNT}\s?[×x](?!\w)")
def _times(found: re.Match[str]) -> str:
    return f"{_amount(found)} times"


@_rule(r"(?<![\w.,])(?P<low>[48])K\b")
def _resolution(found: re.Match[str]) -> str:
    return f"{cardinal(found['low'])} K"


@_rule(rf"{_AMOUNT}(?P<magnitude>[kKMBT]|bn|tn)(?P<plus>\+)?(?!\w)")
def _magnitude(found: re.Match[str]) -> str:
    return _amount(found)


@_rule(r"(?<![\w.-])(?P<from>1[1-9]\d\d|20\d\d)\s?[-–—]\s?(?P<until>\d{4}|\d\d)(?![\w%]|[.,]\d)")
def _years(found: re.Match[str]) -> str:
    return f"{year(found['from'])} to {_alone(found['until'])}"


@_rule(r"(?<!\w)[’'](?P<short>\d0)s\b|\b(?P<number>\d{3}0|[2-9]0)s\b")
def _decade(found: re.Match[str]) -> str:
    words = _alone(found["number"] or found["short"])
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


@_rule(rf"{_AMOUNT}(?P<hyphen>-|\s?)(?P<unit>{_any(_UNITS)})(?![\w/²³])(?:\.(?=\s[a-z]))?")
def _unit(found: re.Match[str]) -> str:
    words = _UNITS[found["unit"]]
    if found["hyphen"] == "-" or _is_one(found) or words.endswith("hertz"):
        return f"{_amount(found)} {words}"
    counted = re.match(r"degree|\w+(?= per )", words)  # kilometers per hour, but kilowatt hours
    end = counted.end() if counted else len(words)
    return f"{_amount(found)} {_several(words[:end])}{words[end:]}"


def _several(word: str) -> str:
    return word.replace("foot", "feet") if word.endswith("foot") else word + "s"


@_rule(rf"\b(?P<number>\d[\d,]{{0,{_MOST_DIGITS - 1}}})(?:st|nd|rd|th)\b")
def _ordinal(found: re.Match[str]) -> str:
    return ordinal(found["number"])


@_rule(r"\b[vV](?P<number>\d+(?:\.\d+)*)\b")
def _version(found: re.Match[str]) -> str:
    return "version " + " point ".join(cardinal(part) for part in found["number"].split("."))


_FRACTIONS = {
    "½": "one half", "⅓": "one third", "⅔": "two thirds", "¼": "one quarter", "¾": "three quarters",
    "1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter",
    "3/4": "three quarters", "24/7": "twenty-four seven", "9/11": "nine eleven",
}  # fmt: skip


@_rule(r"(?<![\w.,/])(?P<whole>\d+)\s(?P<part>[12]/3|[13]/4|1/2)(?![\w/])")
def _mixed_in_figures(found: re.Match[str]) -> str:
    return f"{cardinal(found['whole'])} and {_FRACTIONS[found['part']].replace('one ', 'a ')}"


@_rule(rf"(?<![\w./])(?:{_any(_FRACTIONS)})(?![\w/])")
def _fraction(found: re.Match[str]) -> str:
    return _FRACTIONS[found[0]]


@_rule(r"(?<![\w.,])(?P<whole>\d+)(?P<part>[½⅓⅔¼¾])")
def _mixed(found: re.Match[str]) -> str:
    return f"{cardinal(found['whole'])} and {_FRACTIONS[found['part']].replace('one ', 'a ')}"


@_rule(r"(?<![\w/.])(?P<low>\d+)/(?P<high>\d+)(?![\w/])")
def _out_of(found: re.Match[str]) -> str:
    return f"{cardinal(found['low'])} out of {cardinal(found['high'])}"


@_rule(r"(?<=[\da-z])/(?=(?:second|minute|hour|day|week|month|year|token|user|seat)s?\b)")
def _per(found: re.Match[str]) -> str:
    return " per "


# --- abbreviations

_BEFORE_NUMBER = {
    "No.": "number", "Nos.": "numbers", "#": "number", "№": "number", "p.": "page", "pp.": "pages",
    "Fig.": "figure", "fig.": "figure", "Vol.": "volume", "vol.": "volume", "Ch.": "chapter",
    "§": "section", "Sec.": "section", "Art.": "article", "Eq.": "equation",
    "ca.": "around", "c.": "around", "est.": "estimated",
}  # fmt: skip
_BEFORE_NAME = {
    "Dr.": "Doctor", "Dr": "Doctor", "Mr.": "Mister", "Mr": "Mister", "Mrs.": "Missus", "Mrs": "Missus",
    "Ms.": "Miz", "Prof.": "Professor", "St.": "Saint", "Gov.": "Governor", "Sen.": "Senator",
    "Rep.": "Representative", "Gen.": "General", "Capt.": "Captain", "Lt.": "Lieutenant", "Rev.": "Reverend",
}  # fmt: skip
_ANYWHERE = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "et al.": "and others", "cf.": "compare",
    "vs.": "versus", "vs": "versus", "approx.": "approximately", "Inc.": "Incorporated", "Corp.": "Corporation",
    "Ltd.": "Limited", "Jr.": "Junior", "Sr.": "Senior", "Ph.D.": "P H D", "PhD": "P H D", "w/o": "without",
    "a.k.a.": "also known as", "OK": "okay", "Dept.": "Department", "Bros.": "Brothers", "a.m.": "A M",
    "p.m.": "P M",
}  # fmt: skip


@_rule(rf"(?<![\w.])(?:{_any(_BEFORE_NUMBER)})\s?(?=\d)")
def _before_number(found: re.Match[str]) -> str:
    return _BEFORE_NUMBER[found[0].strip()] + " "


@_rule(rf"(?<![\w.])(?:{_any(_BEFORE_NAME)})\s(?=[A-Z&]|and\b|{SAID})")
def _before_name(found: re.Match[str]) -> str:
    return _BEFORE_NAME[found[0].strip()] + " "


@_rule(rf"(?<![\w.])(?:{_any(_ANYWHERE)})(?!\w)")
def _abbreviation(found: re.Match[str]) -> str:
    return _ANYWHERE[found[0]] + _full_stop(found)


@_rule(r"(?<![\w.])(?:[A-Z]\.){2,}")
def _dotted_letters(found: re.Match[str]) -> str:
    return " ".join(found[0].replace(".", "")) + _full_stop(found)


@_rule(r"(?<![\w.])(?P<initial>[A-Z])\.\s(?=[A-Z])")
def _initial(found: re.Match[str]) -> str:
    return f"{found['initial']} "


# --- what is left of the numbers


@_rule(r"\b(?P<before>Episode|Chapter|Part|Season|Issue|number) 0+(?=\d)")
def _counted(found: re.Match[str]) -> str:
    return f"{found['before']} "


@_rule(r"\b(?P<name>[A-Z]{2,})[- ](?P<first>[1-9]\d)(?P<last>[1-9]\d)(?![\w%]|[.,]\d)")
def _model(found: re.Match[str]) -> str:
    return f"{found['name']} {cardinal(found['first'])} {cardinal(found['last'])}"


@_rule(rf"(?<=[A-Za-z])-?(?=\d)|(?<=\d)-(?=[A-Z])|(?<={SAID})-?(?=\d)")
def _letter_and_number(found: re.Match[str]) -> str:
    return " "


@_rule(rf"{_AMOUNT}(?P<plus>\+)(?!\d)")
def _or_more(found: re.Match[str]) -> str:
    return _amount(found)


@_rule(rf"(?<![\w.,])(?P<low>{_NUMBER})\s?[-–]\s?(?P<high>{_NUMBER})")
def _range(found: re.Match[str]) -> str:
    return _amount(found)


@_rule(rf"(?<![\w)\]])(?P<sign>[-−+±~≈<>≤≥])\s?(?P<low>{_NUMBER})")
def _signed(found: re.Match[str]) -> str:
    return _amount(found)


@_rule(rf"(?P<low>{_NUMBER})(?P<letter>[A-Za-z])?")
def _number(found: re.Match[str]) -> str:
    if found["letter"] == "s":  # A100s
        return _several(_alone(found["low"]))
    return _alone(found["low"]) + (f" {found['letter']}" if found["letter"] else "")


_FIGURES = {"I": 1, "V": 5, "X": 10, "L": 50}
_MONARCHS = (
    "Benedict|Catherine|Charles|Edward|Elizabeth|Francis|Frederick|George|Gustav|Harald|Henry|James|John|Leo|Louis|"
    "Margrethe|Mary|Napoleon|Nicholas|Paul|Philip|Philippe|Pius|Ramesses|Richard|Urban|Wilhelm|William"
)


@_rule(
    r"\b(?P<before>[A-Z][a-z]+) (?P<roman>L?X{0,3}(?:IX|IV|V?I{0,3}))(?<=[IVXL]{2})\b(?!\.\w)",
)
def _roman(found: re.Match[str]) -> str:
    values = [_FIGURES[figure] for figure in found["roman"]]
    number = sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
    if re.fullmatch(_MONARCHS, found["before"]):
        return f"{found['before']} the {ordinal(str(number))}"
    return f"{found['before']} {cardinal(str(number))}"


# --- letters and signs

_AS_WORDS = frozenset({
    "ACE", "GIF", "LAN", "PIN", "RAM", "ROM", "SIM", "ZIP",
    "ALL", "AM", "AN", "AND", "ANY", "ARE", "AS", "AT", "BE", "BUT", "BY", "CAN", "DO", "FOR", "GET", "GO",
    "HAS", "HE", "IF", "IN", "IS", "MY", "NEW", "NO", "NOT", "NOW", "OF", "ON", "ONE", "OR", "OUT", "SO",
    "THE", "TO", "TWO", "UP", "WAS", "WE", "YOU",
})  # fmt: skip
_AS_LETTERS = frozenset({"AAAI", "ACLU", "IEEE", "IETF", "OECD"})


@_rule(r"(?<=[A-Z])·(?=[A-Z])")
def _point_between(found: re.Match[str]) -> str:
    return " "


@_rule(r"(?<!\bMc)(?<!\bMac)(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
def _hump(found: re.Match[str]) -> str:
    return " "


@_rule(r"\b[A-Z]{1,3}&[A-Z]{1,3}\b")
def _joined_letters(found: re.Match[str]) -> str:
    return " ".join(found[0]).replace("&", "and")


@_rule(r"\b(?P<name>[A-Z]{2,5})(?P<plural>s)?\b")
def _letters(found: re.Match[str]) -> str:
    name = found["name"]
    word_like = len(name) > 3 and re.search("[AEIOU]", name) and name not in _AS_LETTERS
    if word_like or name in _AS_WORDS or _shouted(found.string):
        return found[0]
    return " ".join(name) + (found["plural"] or "")


def _shouted(text: str) -> bool:
    """Whether all of it is in capitals for emphasis, so that they are no initials."""
    words = re.findall(r"\w+", text)
    return text.upper() == text and any(len(w) > 5 or w in _AS_WORDS for w in words)


@_rule(r"(?<=\b[A-Z] [A-Z])-(?=[A-Za-z])|(?<=[a-z])-(?=[A-Z] [A-Z]\b)")
def _letters_and_word(found: re.Match[str]) -> str:
    return " "


_SYMBOLS = {
    "&": " and ", "@": " at ", "%": " percent", "=": " equals ", "+": " plus ", "×": " times ",
    "−": " minus ", "~": " about ", "≈": " about ", "→": " to ", "·": ", ", "•": ", ", "/": " ",
}  # fmt: skip


@_rule(f"[{re.escape(''.join(_SYMBOLS))}]")
def _symbol(found: re.Match[str]) -> str:
    return _SYMBOLS[found[0]]

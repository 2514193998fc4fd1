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
    return " slash ".join(_dotted(name) for name in (host, *pages))


# --- days and hours

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SHORT = [rf"{month[:3]}\." for month in _MONTHS if len(month) > 3]
_MONTH = rf"(?P<month>{'|'.join([*_MONTHS, *_SHORT])}|Sept\.)"
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s(?P<year>1[1-9]\d\d|20\d\d)(?!\w|[.,]\d))?"


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month[:3] == name[:3])


def _in_year(found: re.Match[str]) -> str:
    return f", {year(found['year'])}" if found["year"] else ""


@_rule(r"(?<![\w-])(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])(?![\w-])")
def _iso_date(found: re.Match[str]) -> str:
    return f"{_MONTHS[int(found['month']) - 1]} {ordinal(found['day'])}{_in_year(found)}"


@_rule(rf"(?<![\w.,$€£]){_DAY}(?:{_DASH}(?P<until>\d\d?))?\s(?:of\s)?{_MONTH}(?![a-z]){_YEAR}")
def _day_first(found: re.Match[str]) -> str:
    the = "" if re.search(r"\bthe $", found.string[: found.start()], re.I) else "the "
    until = f" to the {ordinal(found['until'])}" if found["until"] else ""
    return f"{the}{ordinal(found['day'])}{until} of {_month(found['month'])}{_in_year(found)}"


@_rule(rf"\b{_MONTH}\s{_DAY}(?![\w%]|[.,]\d){_YEAR}")
def _month_first(found: re.Match[str]) -> str:
    return f"{_month(found['month'])} {ordinal(found['day'])}{_in_year(found)}"


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
    if found["hyphen"] or found["behind"]:  # a thirteen-billion-dollar deal
        return f"{_amount(found)} {land}{one}".replace(" ", "-") + (found["behind"] or "")
    return f"{_amount(found)} {land}{one if _is_one(found) else many}"


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
    "°": "degree", "pp": "percentage point",
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


@_rule(rf"{_AMOUNT}-?(?P<magnitude>[kKMBT]|bn|tn)(?P<plus>\+)?(?!\w)")
def _magnitude(found: re.Match[str]) -> str:
    return _amount(found)


@_rule(r"(?<![\w.-])(?P<from>1[1-9]\d\d|20\d\d)\s?[-–—]\s?(?P<until>\d{4}|\d\d)(?![\w%]|[.,]\d)")
def _years(found: re.Match[str]) -> str:
    return f"{year(found['from'])} to {_alone(found['until'])}"


@_rule(r"(?<!\w)[’'](?P<short>\d0)s\b|\b(?P<number>\d{3}0|[2-9]0)s\b")
def _decade(found: re.Match[str]) -> str:
    words = _alone(found["number"] or found["short"])
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


@_rule(rf"{_AMOUNT}(?P<hyphen>-|\s?)(?P<unit>{_any(_UNITS)})(?![\w/²³])")
def _unit(found: re.Match[str]) -> str:
    words = _UNITS[found["unit"]]
    if found["hyphen"] == "-" or _is_one(found) or words.endswith("hertz"):
        return f"{_amount(found)} {words}"
    counted = re.match(r"degree|\w+(?= per )", words)  # kilometers per hour, but kilowatt hours
    end = counted.end() if counted else len(words)
    return f"{_amount(found)} {words[:end]}s{words[end:]}"


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
    "§": "section", "ca.": "around", "c.": "around", "est.": "estimated",
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


@_rule(rf"(?<![\w.])(?:{_any(_BEFORE_NAME)})\s(?=[A-Z]|{SAID})")
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
    return _alone(found["low"]) + (f" {found['letter']}" if found["letter"] else "")


_ROMAN = {
    "II": "two", "III": "three", "IV": "four", "VI": "six", "VII": "seven", "VIII": "eight", "IX": "nine",
}  # fmt: skip


@_rule(rf"\b(?P<before>[A-Z][a-z]+) (?P<roman>{_any(_ROMAN)})\b")
def _roman(found: re.Match[str]) -> str:
    return f"{found['before']} {_ROMAN[found['roman']]}"


# --- letters and signs

_AS_WORDS = frozenset({
    "ACE", "GIF", "LAN", "PIN", "RAM", "ROM", "SIM", "ZIP",
    "ALL", "AM", "AN", "AND", "ANY", "ARE", "AS", "AT", "BE", "BUT", "BY", "CAN", "DO", "FOR", "GET", "GO",
    "HAS", "HE", "IF", "IN", "IS", "MY", "NEW", "NO", "NOT", "NOW", "OF", "ON", "ONE", "OR", "OUT", "SO",
    "THE", "TO", "TWO", "UP", "WAS", "WE", "YOU",
})  # fmt: skip
_AS_LETTERS = frozenset({"AAAI", "ACLU", "IEEE", "IETF", "OECD"})


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

"""Written words are spoken as a person would read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sound.spoken import Change, Run, heard, spoken

LEXICON = {
    "MAI": "M A I",
    "MAI-Thinking-1": "M A I Thinking One",
    "OpenAI": "open A I",
    "GPT": "G P T",
    "GPT-4": "G P T four",
    "Suleyman": "Soo-lay-mahn",
}

HARD = {
    # money
    "$13 billion": "thirteen billion dollars",
    "a $13-billion deal": "a thirteen-billion-dollar deal",
    "€3.5M": "three point five million euros",
    "$3.6T to Wall Street": "three point six trillion dollars to Wall Street",
    "$1": "one dollar",
    "$3.50": "three dollars and fifty cents",
    "£0.99": "ninety-nine pence",
    "US$5bn": "five billion U S dollars",
    "−$5 million": "minus five million dollars",
    "$10–15 billion": "ten to fifteen billion dollars",
    "$10-$15 billion": "ten to fifteen billion dollars",
    "$5/month": "five dollars per month",
    "100 EUR": "one hundred euros",
    "USD 20 million": "twenty million U S dollars",
    "$100k": "one hundred thousand dollars",
    "$559 million in Q2 2026": "five hundred and fifty-nine million dollars in Q two twenty twenty-six",
    # percentages and quantities
    "45%": "forty-five percent",
    "40–45%": "forty to forty-five percent",
    "−2.5%": "minus two point five percent",
    "+3 %": "plus three percent",
    "2.4×": "two point four times",
    "3x faster": "three times faster",
    "640×480": "six hundred and forty by four hundred and eighty",
    "11,000+": "more than eleven thousand",
    "1,204": "one thousand two hundred and four",
    "10\u202f000 people": "ten thousand people",
    "35B parameters": "thirty-five billion parameters",
    "256K tokens": "two hundred and fifty-six thousand tokens",
    "~10": "about ten",
    "≥ 4": "at least four",
    "½": "one half",
    "2½": "two and a half",
    "3/4": "three quarters",
    "7/10": "seven out of ten",
    "24/7": "twenty-four seven",
    "3:1": "three to one",
    "0.5": "zero point five",
    "3.14": "three point one four",
    "123456789012345678": "one two three four five six seven eight nine zero one two three four five six seven eight",
    # ordinals, years, ranges
    "1st, 2nd, 3rd and 21st": "first, second, third and twenty-first",
    "in 1969": "in nineteen sixty-nine",
    "2005": "two thousand and five",
    "1980s": "nineteen eighties",
    "’90s": "nineties",
    "2021-2025": "twenty twenty-one to twenty twenty-five",
    "2021–25": "twenty twenty-one to twenty-five",
    "10–15": "ten to fifteen",
    # dates and times
    "2026-06-03": "June third, twenty twenty-six",
    "2 June 2026": "the second of June, twenty twenty-six",
    "on the 2 June": "on the second of June",
    "2–4 June": "the second to the fourth of June",
    "June 2nd 2026": "June second, twenty twenty-six",
    "Sept. 3": "September third",
    "June 2026": "June twenty twenty-six",
    "10:30": "ten thirty",
    "10:30 a.m. sharp": "ten thirty A M sharp",
    "at 5 p.m.": "at five P M.",
    "08:05": "eight oh five",
    "14:00": "fourteen hundred",
    "00:00": "midnight",
    "9am": "nine A M",
    # units
    "−4 °C": "minus four degrees Celsius",
    "1 °C": "one degree Celsius",
    "5 km": "five kilometers",
    "1 GB": "one gigabyte",
    "1.5 TB/s": "one point five terabytes per second",
    "5 kWh": "five kilowatt hours",
    "3 GHz": "three gigahertz",
    "500 MW": "five hundred megawatts",
    "a 5-km run": "a five kilometer run",
    # names, versions, letters
    "v1.5": "version one point five",
    "GPT-5.5": "G P T five point five",
    "GPT-4o": "G P T four o",
    "GPT-4’s": "G P T four’s",
    "MAI-Thinking-1": "M A I Thinking One",
    "MAI-Code-1-Flash": "M A I Code one Flash",
    "MAI-Image-2.5": "M A I Image two point five",
    "OpenAI’s": "open A I’s",
    "S-1": "S one",
    "Q2": "Q two",
    "MP3": "M P three",
    "Covid-19": "Covid nineteen",
    "50-state": "fifty-state",
    "18-year-old": "eighteen-year-old",
    "the EU and an IPO": "the E U and an I P O",
    "two GPUs": "two G P Us",
    "NASA and NATO": "NASA and NATO",
    "AT&T": "A T and T",
    "C++": "C plus plus",
    "GitHub": "Git Hub",
    "World War II": "World War two",
    "Episode 06": "Episode six",
    "#1": "number one",
    "No. 5": "number five",
    # abbreviations
    "Dr. Smith vs. Prof. Jones": "Doctor Smith versus Professor Jones",
    "chips, e.g. these, etc.": "chips, for example these, et cetera.",
    "the U.S. and the U.K. agreed": "the U S and the U K agreed",
    "He left the U.S.": "He left the U S.",
    "J. R. R. Tolkien": "J R R Tolkien",
    # addresses
    "https://www.sec.gov/edgar/search/?q=1": "sec dot gov slash edgar slash search",
    "emdexter.blogspot.com": "emdexter dot blogspot dot com",
    "See example.com/listen.": "See example dot com slash listen.",
    "neal@groundtruth.example": "neal at groundtruth dot example",
    # sums, ranges and prices
    "£3bn-£4bn": "three billion pounds to four billion pounds",
    "a $2m house": "a two-million-dollar house",
    "a $5 billion for": "a five billion dollars for",
    "$1,204.56": "one thousand two hundred and four dollars and fifty-six cents",
    "5¢": "five cents",
    "$10-a-month": "ten-dollar-a-month",
    "₹500 crore": "five hundred crore rupees",
    "$5bn/year": "five billion dollars per year",
    "25bps": "twenty-five basis points",
    "1.5x–2x": "one point five times to two times",
    "100–200%": "one hundred to two hundred percent",
    "50/50": "fifty-fifty",
    "5 1/2": "five and a half",
    "10^6": "ten to the power of six",
    "10⁻³": "ten to the power of minus three",
    "1 000 000": "one million",
    "100s of": "hundreds of",
    # dates and times, as they are also written
    "Jun 3, 2026": "June third, twenty twenty-six",
    "June 3–5": "June third to fifth",
    "06/03/2026": "June third, twenty twenty-six",
    "31/12/2026": "December thirty-first, twenty twenty-six",
    "2026/06/03": "June third, twenty twenty-six",
    "FY2025": "fiscal year twenty twenty-five",
    "9:00–17:30": "nine o’clock to seventeen thirty",
    "noon–1 p.m.": "noon to one P M.",
    "2:15:30": "two fifteen thirty",
    # units that come in feet, and numbers that come in parts
    "6 ft": "six feet",
    "10 sq ft": "ten square feet",
    "5'10\"": "five foot ten",
    "10 min. later": "ten minutes later",
    "5 yrs": "five years",
    "1080p": "ten eighty P",
    "16:9": "sixteen by nine",
    "version 2.0.1": "version two point zero point one",
    "(555) 123-4567": "five five five, one two three, four five six seven",
    # names
    "RTX 4090": "R T X forty ninety",
    "two A100s": "two A one hundreds",
    "10-K": "ten K",
    "401(k)": "four oh one K",
    "SaaS": "sass",
    ".NET and C#": "dot net and C sharp",
    "Node.js": "Node J S",
    "DALL·E 3": "DALL E three",
    "H₂O": "H two O",
    "WWII": "World War two",
    "Louis XIV": "Louis the fourteenth",
    "Super Bowl LIX": "Super Bowl fifty-nine",
    "#AI": "hashtag A I",
    "http://localhost:8000": "localhost port eight thousand",
    "Mr. & Mrs. Smith": "Mister and Missus Smith",
    "Art. 5": "article five",
    "c/o": "care of",
    "e.g., this": "for example, this",
    "https://example.org/a-b/c_d": "example dot org slash a dash b slash c d",
    # signs nobody says
    "**bold** 🎉": "bold",
    "THE WHO CARES": "THE WHO CARES",
}  # fmt: skip


@pytest.mark.parametrize("written", HARD)
def test_hard_tokens_are_said_as_a_person_would(written: str) -> None:
    assert spoken([Run(written)], LEXICON) == HARD[written]


def test_there_are_hard_tokens_enough() -> None:
    assert len(HARD) >= 120


def test_what_was_changed_is_told_with_who_asked_for_it() -> None:
    runs = [Run("In 2026 "), Run("$13 billion", "a lot"), Run(" went to OpenAI, not to Ada.")]
    found = heard(runs, LEXICON)
    assert found.words == "In twenty twenty-six a lot went to open A I, not to Ada."
    assert found.changes == (
        Change("2026", "twenty twenty-six", "rules"),
        Change("$13 billion", "a lot", "say"),
        Change("OpenAI", "open A I", "lexicon"),
    )


def test_what_stays_as_it_is_written_is_no_change() -> None:
    assert heard([Run("Nothing is said "), Run("otherwise", "otherwise")], LEXICON).changes == ()


def test_what_the_author_says_wins_over_lexicon_and_rules() -> None:
    runs = [
        Run("It cost "),
        Run("$13 billion", "thirteen big ones"),
        Run(" at "),
        Run("OpenAI", "that lab"),
        Run("."),
    ]
    assert spoken(runs, LEXICON) == "It cost thirteen big ones at that lab."


def test_what_the_author_says_is_not_normalised_again() -> None:
    assert spoken([Run("x", "10:30 in the US")], {}) == "10:30 in the US"


def test_the_lexicon_finds_whole_words_and_the_longest_first() -> None:
    assert (
        spoken([Run("MAI-Thinking-1, MAI and MAIL")], LEXICON)
        == "M A I Thinking One, M A I and MAIL"
    )


def test_another_language_keeps_its_own_rules() -> None:
    assert spoken([Run("3,5 Mio. € für MAI")], LEXICON, "de") == "3,5 Mio. € für M A I"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_can_be_spoken_and_twice_alike(text: str) -> None:
    once = spoken([Run(text)], LEXICON)
    assert once == spoken([Run(text)], LEXICON)
    assert once == " ".join(once.split())


@given(st.text(alphabet="0123456789.,:/-–$€%+ xKMBT", max_size=30))
def test_no_ascii_digit_is_left_for_the_voice_to_guess(text: str) -> None:
    assert not any(character.isdigit() for character in spoken([Run(text)], {}))

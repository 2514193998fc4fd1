"""The rules of check by their codes: how severe each is, and what it says in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code stands for; one that is not waivable would break what is delivered."""

    severity: Literal["error", "warning", "note"]
    title: str
    waivable: bool = True


def _error(title: str) -> Rule:
    return Rule("error", title)


def _broken(title: str) -> Rule:
    return Rule("error", title, waivable=False)


def _warning(title: str) -> Rule:
    return Rule("warning", title)


def _note(title: str) -> Rule:
    return Rule("note", title)


RULES: Mapping[str, Rule] = {
    # the source
    "E100": _broken("a file that cannot be used"),
    "E101": _broken("a key that is missing"),
    "E102": _error("image without alt text"),
    "E103": _error("a placeholder: something still to come"),
    "E104": _broken("a title or summary that is empty"),
    "E105": _warning("a word that stands twice"),
    "E106": _broken("an address that no mail can reach"),
    "E107": _broken("a setting that directories or readers refuse"),
    "E108": _broken("front matter that names what is not there"),
    "E109": _broken("a picture that is not one"),
    "E110": _error("a heading that skips a level"),
    "E111": _warning("a footnote that nothing refers to"),
    "E112": _warning("an episode that shows nothing on the web"),
    "E113": _error("a correction without updated in the front matter"),
    "E114": _error("a correction dated before the episode was published"),
    "E115": _error("a weekday that the date contradicts"),
    "E116": _error("a date that no calendar has"),
    "E117": _error("a waiver without a reason, or of what cannot be waived"),
    "E118": _warning("a waiver of what was not found"),
    "E119": _warning("a timeline out of order"),
    "E120": _broken("no front matter"),
    "E121": _broken("front matter that is never closed"),
    "E122": _broken("front matter that is not YAML"),
    "E123": _broken("an unknown key"),
    "E124": _broken("a key that stands twice"),
    "E125": _broken("a date that is none"),
    "E126": _broken("a value of the wrong kind"),
    "E127": _broken("a number that the folder contradicts"),
    "E128": _broken("a number that is taken"),
    "E129": _broken("updated before published"),
    "E130": _broken("a file that is not UTF-8"),
    "E131": _broken("a control character"),
    "E132": _broken("an episode without text"),
    "E133": _broken("a folder's name that cannot be an address"),
    "E134": _broken("a file too large to be an episode"),
    "E136": _broken("a file that does not lie beside the episode"),
    "E140": _broken("a block that is never closed"),
    "E141": _broken("the end of a block that never began"),
    "E142": _broken("the first line of a block that cannot be read"),
    "E143": _broken("an unknown block"),
    "E144": _broken("an unknown attribute"),
    "E145": _broken("an attribute that is missing"),
    "E146": _broken("an attribute's value that will not do"),
    "E147": _broken("a block without content"),
    "E148": _broken("a list without its bold terms"),
    "E149": _broken("a second title: a heading with one #"),
    "E150": _broken("a heading without words"),
    "E151": _broken("an id used twice"),
    "E152": _broken("a footnote that is not defined"),
    "E153": _broken("an image on another server"),
    "E154": _broken("a link that leads nowhere"),
    "E155": _broken("blocks nested too deep"),
    "E160": _broken("published.json that cannot be read"),
    "E161": _broken("a GUID that changed"),
    "E162": _broken("a published episode that is gone"),
    "E163": _broken("a published date or address that changed"),
    "E164": _broken("a recording that cannot be taken"),
    "E165": _broken("a recording that is missing"),
    "E166": _broken("published audio that is no longer made"),
    "E170": _broken("publication.toml that is not TOML"),
    "E172": _broken("a setting out of its range"),
    # links
    "E201": _broken("a link to an episode that is not published"),
    "E202": _error("a link to a heading that is not there"),
    "E203": _broken("a file that is missing"),
    "E204": _broken("a page's link to a file that is not there"),
    "E205": _error("a page's link to a place that is not there"),
    "E207": _error("a link that is no address"),
    "E208": _error("a link to this machine or a private network"),
    "E209": _error("a mail link to what is no address"),
    "E210": _error("a link whose page is gone"),
    "E211": _warning("a link whose page has moved for good"),
    "E212": _warning("a link that could not be tried"),
    "E213": _error("a link to a server whose certificate fails"),
    "E215": _warning("a link that tracks those who follow it"),
    "E217": _error("a link with a password in it"),
    # emails
    "E301": _error("an email that Gmail clips"),
    "E302": _warning("an email that Gmail will clip soon"),
    "E303": _error("a style sheet that Gmail ignores"),
    "E304": _error("an element that mail programs take out"),
    "E305": _error("a style that most mail programs do not know"),
    "E306": _warning("a style or picture that some mail programs do not know"),
    "E307": _error("an email without a preheader"),
    "E308": _error("a subject longer than mail programs keep"),
    "E309": _note("a subject longer than inboxes show"),
    "E310": _error("a picture in the email without alt text"),
    "E311": _error("words that cannot be read in dark mode"),
    "E312": _error("words that cannot be read"),
    "E313": _broken("no List-Unsubscribe header"),
    "E314": _broken("no one-click unsubscription"),
    "E315": _error("an email without plain text"),
    "E316": _error("a picture in the email without a full address"),
    "E317": _error("a link in the email without a full address"),
    "E318": _broken("a script or a form in the email"),
    "E320": _broken("an email that nobody can leave"),
    "E321": _error("an email that does not say its language"),
    "E322": _error("a table for layout that is read out as data"),
    "E323": _broken("a line longer than SMTP carries"),
    "E324": _note("a preheader that says too little"),
    # feeds
    "E401": _broken("a feed that is not well-formed XML"),
    "E402": _broken("a feed that is not JSON"),
    "E403": _broken("a channel without title, link or description"),
    "E404": _broken("an entry without GUID"),
    "E405": _broken("a GUID used twice"),
    "E406": _broken("a GUID that differs from the one published"),
    "E407": _broken("a date that feed readers cannot read"),
    "E408": _broken("an enclosure that is not whole"),
    "E409": _broken("an enclosure whose length is not the file's"),
    "E410": _error("an address in a feed that is not full"),
    "E411": _broken("an Atom feed without id, updated or author"),
    "E412": _error("a feed that does not name its own address"),
    "E413": _broken("a JSON feed without what its version asks"),
    "E414": _broken("a podcast without what directories ask"),
    "E415": _error("an entry from the future"),
    "E416": _error("content that feed readers take out"),
    "E418": _error("entries out of order"),
    "E419": _error("a language that is no tag"),
    "E420": _warning("a feed larger than some readers take"),
    "E421": _broken("a duration that is not the sound's"),
    "E422": _broken("an address in a feed that leads nowhere"),
    "E423": _error("an entry without title or content"),
    "E424": _error("a feed that another one contradicts"),
    "E425": _warning("a date earlier than that of an episode before it"),
    "E426": _warning("an address without https"),
    # audio
    "E501": _error("sound too loud or too quiet"),
    "E502": _error("peaks that players distort"),
    "E503": _error("a silence longer than three seconds"),
    "E504": _error("clipped sound"),
    "E505": _broken("sound whose length is not what feeds say"),
    "E507": _broken("chapters out of order"),
    "E508": _broken("a chapter after the end"),
    "E509": _error("a transcript that leaves out what is heard"),
    "E510": _warning("a loudness that podcast players do not expect"),
    "E511": _broken("captions out of order"),
    "E512": _broken("sound that cannot be played"),
    "E513": _error("sound without a transcript"),
    "E514": _error("an MP3 without title or cover"),
    "E515": _broken("a recording that cannot be used"),
    "E516": _warning("a light voice in place of the one that was asked for"),
    "E517": _warning("a synthetic voice that nobody is told of"),
    "E518": _warning("a recording that was clipped"),
    "E519": _warning("a recording that no episode takes"),
    # accessibility
    "E602": _error("a heading without words on a page"),
    "E603": _error("a link that does not say where it leads"),
    "E604": _error("a link without words"),
    "E605": _error("a page that does not say its language"),
    "E606": _error("a page without a title"),
    "E607": _error("an image on a page without alt"),
    "E608": _error("an id used twice on a page"),
    "E610": _warning("a table without headings"),
    "E611": _error("alt text that is a file's name"),
    "E612": _warning('alt text that begins with "image of"'),
    "E613": _error("a page whose headings skip a level"),
    "E614": _error("a frame without a title"),
    # numbers
    "E701": _warning("a key figure that the text contradicts"),
    "E702": _error("a figure that is said as another"),
}


MENDS: Mapping[str, str] = {
    "E101": "add it to the front matter, or to its table",
    "E104": "write it: the email's subject and every feed reader show it",
    "E126": "write a value of the kind that is asked for",
    "E128": "give it another number",
    "E129": "correct one of the dates",
    "E133": "rename the folder",
    "E136": "put the file beside episode.md",
    "E141": "delete it, or open the block above",
    "E143": "choose a block that there is",
    "E144": "choose an attribute that there is",
    "E145": "add the attribute",
    "E146": "choose a value that is allowed",
    "E147": "write something in it, or delete it",
    "E148": 'write its entries as "- **term** words"',
    "E150": "give it words, or delete it",
    "E151": "choose another id",
    "E155": "nest fewer blocks",
    "E165": "put the file there, or correct its name",
    "E170": "correct the line; toml.io says how",
    "E172": "choose a value within its range",
    "E203": "put it beside episode.md, or correct the name",
}
"""How a fault is mended where its message does not say."""


MEDIA: Mapping[str, str] = {
    "1": "source",
    "2": "links",
    "3": "email",
    "4": "feeds",
    "5": "audio",
    "6": "accessibility",
    "7": "numbers",
}
"""What the first digit of a code stands for."""


def medium(code: str) -> str:
    """The medium a code belongs to."""
    return MEDIA[code[1]]

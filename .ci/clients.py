"""Derive pipeline/check/caniemail.json, a letter a feature and mail program, from caniemail's data.

usage: python .ci/clients.py caniemail.json    (the file of that name in the npm package "caniemail")
"""

import json
import sys
from pathlib import Path

CLIENTS = {
    "Apple Mail": ("apple-mail", ("macos", "ios")),
    "Gmail": ("gmail", ("desktop-webmail", "ios", "android")),
    "Outlook for Windows": ("outlook", ("windows",)),
    "Outlook.com": ("outlook", ("outlook-com", "ios", "android")),
    "Yahoo Mail": ("yahoo", ("desktop-webmail", "ios", "android")),
}
CATEGORIES = ("css", "html", "image")
TARGET = Path(__file__).parent.parent / "pipeline" / "check" / "caniemail.json"


def support(stats: dict[str, dict[str, dict[str, str]]], family: str, platforms: tuple) -> str:
    """y: all its newest versions know the feature; n: none does; a: some do, or in part; u: nobody tried."""
    newest = [
        list(found.values())[-1][0] for p in platforms if (found := stats.get(family, {}).get(p))
    ]
    kinds = set(newest) - {"u"}
    return kinds.pop() if len(kinds) == 1 else "a" if kinds else "u"


def main() -> None:
    data = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    features = {
        one["slug"]: "".join(support(one["stats"], *where) for where in CLIENTS.values())
        for one in data["data"]
        if one["category"] in CATEGORIES
    }
    derived = {
        "from": "https://www.caniemail.com/",
        "updated": data["last_update_date"][:10],
        "clients": list(CLIENTS),
        "features": dict(sorted(features.items())),
    }
    TARGET.write_text(json.dumps(derived, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

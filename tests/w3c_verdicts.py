"""Prints every error and warning that the W3C feed validator's own code has for some feeds.

Arguments: for each feed the address it will have, then its file. Exit code 3: no validator.
"""

from __future__ import annotations

import os
import sys
import urllib.request  # noqa: F401  # the validator uses it and does not import it
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
if checkout := os.environ.get("FEEDVALIDATOR"):
    sys.path.insert(0, str(Path(checkout) / "src"))
try:
    import feedvalidator
    from feedvalidator import compatibility
    from feedvalidator.formatter.text_plain import Formatter
except ImportError as error:
    print(error)
    sys.exit(3)

feeds = list(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
for url, file in feeds:
    found = feedvalidator.validateString(
        Path(file).read_bytes(), firstOccurrenceOnly=0, fallback="utf-8", base=url
    )
    for verdict in Formatter(compatibility.AA(found["loggedEvents"])):
        print(f"{file}: {verdict}")
print(f"judged {len(feeds)} feeds")

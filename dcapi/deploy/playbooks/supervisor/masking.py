"""Secrets of a playbook, taken out of every text that it writes."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "******"
# Shorter lines of a secret of many lines are no secrets.
SHORTEST_LINE = 4


class Masker:
    """Takes secrets out of texts, in every spelling that ansible's output may give them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        ordered = sorted(spellings, key=len, reverse=True)
        # Ansible breaks long lines, so a secret may go on in the next one.
        patterns = (r"(?:\r?\n)?".join(map(re.escape, spelling)) for spelling in ordered)
        self._pattern = re.compile("|".join(patterns)) if ordered else None
        # Characters of the longest one, with a line end after each of them.
        self._longest = 3 * len(ordered[0]) if ordered else 0

    def mask(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def mask_beginning(self, text: str) -> tuple[str, str]:
        """Mask a text that goes on; returns what is sure by now, and the rest as it is.

        In the rest begins, perhaps, a secret; or one that is there is the beginning of a longer one.
        """
        sure, end, masked = max(len(text) - self._longest, 0), 0, []
        for match in self._pattern.finditer(text) if self._pattern is not None else ():
            if match.start() >= sure:
                break
            masked += [text[end : match.start()], MASK]
            end = match.end()
        masked.append(text[end:sure])
        return "".join(masked), text[max(end, sure) :]


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield from (line for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE)
    for ascii_only in (True, False):
        quoted = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield quoted
        yield json.dumps(quoted, ensure_ascii=ascii_only)[1:-1]
    yield repr(secret)[1:-1]
    yield shlex.quote(secret)
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield base64.b64encode(secret.encode()).decode()

"""What a website answered: its status, its JSON, or the page it sent instead, told in our errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from sos_actors.errors import VendorAnswerError, VendorBusyError, VendorError, VendorRefusedError

MOST_WAIT_S = 3600.0
"""A longer ``Retry-After`` is taken for this: a garbled header must not silence a vendor for the rest of the day."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status.

    Attributes:
        content_type: lower case, without parameters.
        encoding: a content encoding we did not ask for and so did not undo (``br``); else empty.
        retry_after_s: what the answer asks to wait; 0 when it says nothing.
    """

    status: int
    content_type: str
    body: bytes
    encoding: str = ""
    retry_after_s: float = 0.0

    @property
    def is_page(self) -> bool:
        """Whether it is HTML, whatever its content type says."""
        return "html" in self.content_type or self.body[:200].lstrip().startswith(b"<")


def json_of(vendor: str, where: str, answer: Answer) -> Any:
    """The JSON of an answer, whose status was looked at before.

    Raises:
        VendorAnswerError: a page, an encoding nobody asked for, or no JSON.
    """
    if answer.encoding:
        raise VendorAnswerError(vendor, f"{where} is encoded with {answer.encoding[:20]!r}, which was not asked for.")
    if answer.is_page:
        raise VendorAnswerError(vendor, f"{where} answers with a page instead of data: {title_of(answer.body)}.")
    try:
        return msgspec.json.decode(answer.body)
    except (ValueError, RecursionError) as error:
        raise VendorAnswerError(vendor, f"{where} answers with what is no JSON: {error}.") from error


def status_error(vendor: str, where: str, answer: Answer) -> VendorError | None:
    """What an answer's status means; None when it is 200."""
    status, code = answer.status, str(answer.status)
    said = f": {title_of(answer.body)}" if answer.is_page else ""
    if status == 200:
        return None
    if status == 429 or status >= 500:
        wait = answer.retry_after_s
        return VendorBusyError(vendor, f"{where} is busy or in trouble (HTTP {code}){said}. Ask later.", code, wait)
    if status in (401, 403):
        return VendorRefusedError(vendor, f"{where} refuses us (HTTP {code}){said}.", code)
    return VendorAnswerError(vendor, f"{where} answers with HTTP {code}{said}.", code)


def retry_after(text: str) -> float:
    """Seconds of a ``Retry-After`` header, at most ``MOST_WAIT_S``; 0 where it gives none, or a date."""
    return min(float(text), MOST_WAIT_S) if text.strip().isdecimal() else 0.0


def title_of(page: bytes) -> str:
    """The title, else the first heading of a page, else its first words: what a reader would call it."""
    text = page[:4096].decode("utf-8", "replace")
    for tag in ("title", "h1"):
        _, opened, rest = text.lower().partition(f"<{tag}>")
        if opened and (length := rest.find("<")) > 0:
            start = len(text) - len(rest)
            return repr(" ".join(text[start : start + length].split())[:80])
    return repr(" ".join(text.split())[:40])

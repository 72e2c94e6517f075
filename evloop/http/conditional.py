"""Preconditions: whether a request is carried out, and how (RFC 9110 section 13)."""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from evloop.http.dates import parse_date
from evloop.http.fields import matches_strongly, matches_weakly


class Verdict(Enum):
    """The result of evaluating the preconditions of a request."""

    PROCEED = "proceed"
    NOT_MODIFIED = "304"
    FAILED = "412"


class Validators(NamedTuple):
    """What identifies one state of a representation."""

    etag: bytes
    """With its quotes; strong, or with `W/` in front."""
    last_modified: int | None
    """Seconds since the epoch; None where the modification time means nothing."""


CONDITIONAL_FIELDS = (
    b"if-none-match",
    b"if-modified-since",
    b"if-match",
    b"if-unmodified-since",
)


def evaluate(fields: Mapping[bytes, bytes], validators: Validators, now: int) -> Verdict:
    """Return the verdict on a GET or HEAD, in the order of RFC 9110 section 13.2.2.

    *fields* maps lower-case names to values; *now* is in seconds since the epoch.

    Raises RequestError 431 when an If-Match field has more tags than are compared and none of
    those matches. An If-None-Match field like that counts as one that does not match.
    """
    if (value := fields.get(b"if-match")) is not None:
        if not matches_strongly(value, validators.etag):
            return Verdict.FAILED
    elif (value := fields.get(b"if-unmodified-since")) is not None and _modified_since(
        value, validators, now
    ):
        return Verdict.FAILED
    if (value := fields.get(b"if-none-match")) is not None:
        # If-Modified-Since is ignored, even when no tag matches (section 13.1.3).
        matched = matches_weakly(value, validators.etag)
        return Verdict.NOT_MODIFIED if matched else Verdict.PROCEED
    value = fields.get(b"if-modified-since")
    if value is not None and _modified_since(value, validators, now) is False:
        return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def range_applies(if_range: bytes | None, etag: bytes) -> bool:
    """Whether Range may be honoured under an If-Range field (RFC 9110 section 13.1.5).

    A date in it never matches. It would have to be a strong validator, and is one only for a
    server that knows that the file did not change twice in that second (section 8.8.2.2). Who
    unpacks a release gives all of its files one date, the same each time, and all codings of a
    file have one. A client that has a tag must not send a date, and every response has one.
    """
    return if_range is None or (if_range == etag and not etag.startswith(b"W/"))


def _modified_since(value: bytes, validators: Validators, now: int) -> bool | None:
    """Whether the representation is newer than the date in *value*; None: can't be told."""
    date = parse_date(value, now)
    if date is None or validators.last_modified is None:
        return None
    return validators.last_modified > date

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


def range_applies(if_range: bytes | None, validators: Validators, now: int) -> bool:
    """Whether Range may be honoured under an If-Range field (RFC 9110 section 13.1.5)."""
    if if_range is None:
        return True
    if validators.etag.startswith(b"W/"):
        return False  # nothing that is weak can be matched, and the date is no better
    if if_range.startswith((b'"', b"W/")):
        return if_range == validators.etag
    # The date must be equal, and a strong validator: the file can still change within the
    # second that is not over yet (section 8.8.2.2).
    last_modified = validators.last_modified
    if last_modified is None or last_modified >= now:
        return False
    return parse_date(if_range, now) == last_modified


def _modified_since(value: bytes, validators: Validators, now: int) -> bool | None:
    """Whether the representation is newer than the date in *value*; None: can't be told."""
    date = parse_date(value, now)
    if date is None or validators.last_modified is None:
        return None
    return validators.last_modified > date

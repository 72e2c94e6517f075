"""A script of one origin reads the files of another one, in a real browser."""

import os
from base64 import b64encode
from pathlib import Path

import pytest

from tests.integration.test_access import users
from tests.public.chromium import look
from tests.support.bench import write
from tests.support.serving import serving

DATA = os.urandom(100_000)

_FETCH = """
const ask = async (target, headers = {}) => {
  try {
    const answer = await fetch("%s" + target, {headers, cache: "no-store"});
    const names = ["content-range", "etag", "accept-ranges", "content-length", "date"];
    return {
      status: answer.status,
      size: (await answer.arrayBuffer()).byteLength,
      seen: names.filter((name) => answer.headers.get(name) !== null),
    };
  } catch (error) {
    return {status: 0};
  }
};
return {
  isolated: window.crossOriginIsolated && typeof SharedArrayBuffer !== "undefined",
  whole: await ask("data.bin"),
  range: await ask("data.bin", {Range: "bytes=0-9"}),
  suffix: await ask("data.bin", {Range: "bytes=-8", "If-Range": '"x"'}),
  none: await ask("data.bin", {Range: "bytes=200000-"}),
  missing: await ask("missing"),
  user: await ask("data.bin", {Authorization: "%s", Range: "bytes=-8"}),
};
"""


@pytest.mark.slow
@pytest.mark.parametrize("named", ["this", "this and another", "any", "another", "nobody"])
def test_what_a_script_may_read(tmp_path: Path, named: str) -> None:
    pages, data = tmp_path / "pages", tmp_path / "data"
    write(pages / "index.html", b"<!doctype html><p>page</p>")
    write(data / "data.bin", DATA)
    with serving(pages, isolate=True) as here:
        origin = here.urls[0].rstrip("/")
        origins = {
            "this": (origin,),
            "this and another": (origin, "https://a.example"),
            "any": ("*",),
            "another": ("https://a.example",),
            "nobody": (),
        }[named]
        with serving(data, cors=origins) as there:
            script = _FETCH % (there.urls[0], "Basic eA==")
            profile = tmp_path / "profile"
            seen = look(pages, here.urls[0], script, width=800, profile=profile)
    assert seen.pop("isolated")
    if named in {"another", "nobody"}:
        assert {each["status"] for each in seen.values()} == {0}
        return
    statuses = {name: each["status"] for name, each in seen.items()}
    assert statuses == {
        "whole": 200,
        "range": 206,
        "suffix": 200,  # the tag is another one
        "none": 416,
        "missing": 404,
        "user": 206,
    }
    assert seen["range"]["seen"] == [
        "content-range",
        "etag",
        "accept-ranges",
        "content-length",
        "date",
    ]
    assert (seen["range"]["size"], seen["user"]["size"]) == (10, 8)


@pytest.mark.slow
def test_a_script_with_a_password(tmp_path: Path) -> None:
    pages, data = tmp_path / "pages", tmp_path / "data"
    write(pages / "index.html", b"<!doctype html><p>page</p>")
    write(data / "data.bin", DATA)
    file = users(tmp_path, anna="x")
    with serving(pages, isolate=True) as here, serving(data, cors="*", htpasswd=file) as there:
        right = "Basic " + b64encode(b"anna:x").decode()
        script = _FETCH % (there.urls[0], right)
        seen = look(pages, here.urls[0], script, width=800, profile=tmp_path / "profile")
    assert (seen["whole"]["status"], seen["user"]["status"]) == (401, 206)

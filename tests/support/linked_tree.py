"""A directory full of links, beside things that must never be served."""

import os
from pathlib import Path

from tests.support.bench import write

SECRET = b"this must not leave the server"
"""What every file outside the root holds."""
PLAIN, INNER, INDEX, HIDDEN = b"plain", b"inner", b"index", b"hidden"
"""What the files inside hold."""

MAX_LINKS = 40


def make_linked_tree(base: Path, *, with_outside: bool = True) -> Path:
    """Make a root with links of every kind below *base* and return its path.

    Without the outside, what the links that lead out point to does not exist: nothing that
    is served may differ.
    """
    root = base / "root"
    for name, data in {
        "index.html": INDEX,
        "plain.txt": PLAIN,
        "sub/index.html": INDEX,
        "sub/inner.txt": INNER,
        "sub/deep/er/inner.txt": INNER,
        "bare/inner.txt": INNER,
        "a b.txt": PLAIN,
        "\u00fc.txt": PLAIN,
        "100%.txt": PLAIN,
        "%2e%2e/plain.txt": PLAIN,
        "back\\slash.txt": PLAIN,
        "..hidden/inner.txt": HIDDEN,
        "...": HIDDEN,
        ".hidden": HIDDEN,
        ".git/config": HIDDEN,
        ".GIT2/config": HIDDEN,
        "sub/.htpasswd": HIDDEN,
        ".well-known/inner.txt": INNER,
        ".well-known/.hidden": HIDDEN,
        "C:/inner.txt": INNER,
        "~/inner.txt": INNER,
    }.items():
        write(root / name, data)
    if with_outside:
        for name in ("outside/secret.txt", "outside/dir/deep.txt", "root-evil/secret.txt"):
            write(base / name, SECRET)
    _make_links(base, root)
    return root


def _make_links(base: Path, root: Path) -> None:
    links = _inside(os.fspath(root)) | _outside(os.fspath(base), os.fspath(root))
    for name, target in links.items():
        (root / name).symlink_to(target)
    # A chain of so many links is followed to its end, one more is too many.
    (root / "chain1").symlink_to("plain.txt")
    for number in range(2, MAX_LINKS + 2):
        (root / f"chain{number}").symlink_to(f"chain{number - 1}")


def _inside(absolute: str) -> dict[str, str]:
    """Return links that end beneath the root, or nowhere, by their names."""
    return {
        # inside, relative
        "to_file": "plain.txt",
        "to_dir": "sub",
        "to_dot": ".",
        "to_inner": "sub/inner.txt",
        "to_link": "to_file",
        "through_link": "to_dir/inner.txt",
        "down_up": "sub/../plain.txt",
        "sub/up": "../plain.txt",
        "sub/up_dir": "..",
        "sub/deep/er/up3": "../../../plain.txt",
        "doubled": "sub//inner.txt",
        "missing": "nothing.txt",
        "to_hidden": ".hidden",
        # inside, absolute
        "abs_file": f"{absolute}/plain.txt",
        "abs_dir": f"{absolute}/sub",
        "abs_root": absolute,
        "abs_root_slash": f"{absolute}/",
        "abs_doubled": f"{absolute}//plain.txt",
        "abs_missing": f"{absolute}/nothing.txt",
        "abs_to_link": f"{absolute}/to_file",
        "sub/abs_up": f"{absolute}/plain.txt",
        "to_abs": "abs_dir/inner.txt",
        # a file taken for a directory
        "file_dot": "plain.txt/.",
        "file_slash": "plain.txt/",
        "file_up": "plain.txt/../plain.txt",
        "file_down": "plain.txt/inner.txt",
        # out and back: it stays beneath the root only at its end
        "out_and_back": "../root/plain.txt",
        "sub/out_and_back": "../../root/plain.txt",
        "abs_out_and_back": f"{absolute}/../root/plain.txt",
        "via_outside": "../outside/../root/plain.txt",
        # loops
        "loop": "loop",
        "loop_a": "loop_b",
        "loop_b": "loop_a",
        "sub/loop_up": "../sub/loop_up",
        "abs_loop": f"{absolute}/abs_loop",
        "loop_dir": "loop_dir/x",
    }


def _outside(base: str, absolute: str) -> dict[str, str]:
    """Return links that end, or pass, outside the root."""
    outside = f"{base}/outside"
    return {
        # outside
        "out_file": "../outside/secret.txt",
        "out_dir": "../outside",
        "out_missing": "../outside/nothing.txt",
        "out_up": "..",
        "out_up2": "../..",
        "out_up_many": "../" * 30,
        "out_etc": "../" * 30 + "etc/passwd",
        "sub/out": "../../outside/secret.txt",
        "sub/deep/er/out": "../../../../outside/secret.txt",
        "down_out": "sub/../../outside/secret.txt",
        "link_out": "to_dir/../../outside/secret.txt",
        "to_out": "out_file",
        "through_out": "out_dir/secret.txt",
        "abs_out_file": f"{outside}/secret.txt",
        "abs_out_dir": outside,
        "abs_out_missing": f"{outside}/nothing.txt",
        "abs_base": base,
        "abs_slash": "/",
        "abs_etc": "/etc/passwd",
        "abs_etc_dir": "/etc",
        "abs_proc": "/proc/self/root/etc/passwd",
        "abs_proc_cwd": "/proc/self/cwd",
        "abs_null": "/dev/null",
        "abs_evil": f"{absolute}-evil/secret.txt",
        "abs_up_out": f"{absolute}/../outside/secret.txt",
        "abs_sub_up_out": f"{absolute}/sub/../../outside/secret.txt",
    }

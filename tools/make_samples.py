"""Make the sample files that the site in public/ offers for download.

    python tools/make_samples.py

The sizes are those of the streaming guide: 500 KiB, which evloop answers from memory, and
5, 10 and 100 MiB, which it streams. The content can't be compressed, so it flatters no
server, and it is the same on every machine: block i of a sample is the SHAKE-128 stream
(FIPS 202) of "evloop sample NAME i". A download can therefore be checked against the
SHA-256 printed here, by somebody who never had the file.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB

# Bytes made and written at a time: all the memory that a sample takes, whatever its size.
BLOCK = 64 * KIB

EXIT_OK, EXIT_ENVIRONMENT, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

DEFAULT_DIRECTORY = Path(__file__).resolve().parent.parent / "public" / "static"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file to make: its name inside the directory, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sample that is now in place: the SHA-256 of its content, and how it came to be there."""

    sample: Sample
    sha256: str
    was_kept: bool


SAMPLES = (
    Sample("small.bin", 500 * KIB),
    Sample("medium.bin", 5 * MIB),
    Sample("large.bin", 10 * MIB),
    Sample("test.bin", 100 * MIB),
)


def blocks(sample: Sample) -> Iterator[bytes]:
    """Yield the content of *sample*, at most BLOCK bytes at a time."""
    for index, offset in enumerate(range(0, sample.size, BLOCK)):
        seed = f"evloop sample {sample.name} {index}".encode()
        yield hashlib.shake_128(seed).digest(min(BLOCK, sample.size - offset))


def write(sample: Sample, directory: Path) -> str:
    """Write *sample* into *directory* and return its SHA-256 as 64 hexadecimal digits.

    The file appears under its name only when it is whole: a server that is already running
    never shows half a sample. Raises OSError, and leaves nothing behind then.
    """
    # A leading dot, so that no server lists it; the process id, so that two runs don't share it.
    unfinished = directory / f".{os.getpid()}.{sample.name}"
    digest = hashlib.sha256()
    try:
        with unfinished.open("wb") as file:
            for block in blocks(sample):
                file.write(block)
                digest.update(block)
        unfinished.replace(directory / sample.name)
    finally:
        unfinished.unlink(missing_ok=True)
    return digest.hexdigest()


def is_in_place(sample: Sample, directory: Path) -> bool:
    """Return whether *directory* holds a regular file of the sample's name and size."""
    path = directory / sample.name
    return path.is_file() and path.stat().st_size == sample.size


def make(sample: Sample, directory: Path, *, force: bool = False) -> Outcome:
    """Make *sample* in *directory*, or keep a file of the same size unless *force* is set.

    Raises OSError when the directory can't be written, or a kept file not be read.
    """
    if force or not is_in_place(sample, directory):
        return Outcome(sample, write(sample, directory), was_kept=False)
    with (directory / sample.name).open("rb") as file:
        return Outcome(sample, hashlib.file_digest(file, "sha256").hexdigest(), was_kept=True)


def size_text(size: int) -> str:
    """Return *size* bytes in the largest of MiB, KiB and bytes that divides it."""
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def row(sample: Sample, *columns: str) -> str:
    """Return one line of output about *sample*."""
    return "  ".join((f"{sample.name:<10}", f"{size_text(sample.size):>7}", *columns))


def run(directory: Path, samples: Sequence[Sample], *, only_list: bool, force: bool) -> None:
    """Put each of *samples* in *directory*, or look for it, and print a line about it.

    Raises OSError with the file it is about.
    """
    for sample in samples:
        path = directory / sample.name
        try:
            if only_list:
                columns = ["in place" if is_in_place(sample, directory) else "missing"]
            else:
                outcome = make(sample, directory, force=force)
                columns = [outcome.sha256, "kept" if outcome.was_kept else "made"]
        except OSError as error:
            # A full disk is reported without a name, a failed rename with that of the
            # unfinished file: neither helps the reader.
            raise OSError(error.errno, error.strerror, str(path)) from error
        print(row(sample, *columns), flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser; what --help prints is the whole reference."""
    sizes = ", ".join(f"{sample.name} ({size_text(sample.size)})" for sample in SAMPLES)
    parser = argparse.ArgumentParser(
        prog="make_samples.py",
        description=f"Make the sample files of the site in public/: {sizes}. Prints the name, "
        "size and SHA-256 of each. The content is the same on every machine.",
        epilog="exit codes: 0 all samples are in place, 1 a sample could not be written or read, "
        "2 wrong usage, 130 interrupted",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        default=DEFAULT_DIRECTORY,
        help="an existing directory to put the samples in (default: public/static of this "
        "checkout, wherever it is run from)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="write every sample again (default: keep a file that has the right size)",
    )
    parser.add_argument(
        "--list",
        action="store_true",
        help="print which samples are in place and which are missing, and write nothing",
    )
    return parser


def complain(message: str, exit_code: int) -> int:
    """Print *message* as one line on stderr and return *exit_code*."""
    print(f"make_samples.py: {message}", file=sys.stderr)
    return exit_code


def main(arguments: Sequence[str] | None = None, samples: Sequence[Sample] = SAMPLES) -> int:
    """Run the command with *arguments* (default: those of the process); return its exit code."""
    options = parser().parse_args(arguments)
    directory: Path = options.directory
    try:
        if not directory.is_dir():
            reason = "not a directory" if directory.exists() else "no such directory"
            return complain(f"--directory {directory}: {reason}", EXIT_USAGE)
        run(directory, samples, only_list=options.list, force=options.force)
    except OSError as error:
        return complain(f"{error.filename or 'output'}: {error.strerror}", EXIT_ENVIRONMENT)
    except KeyboardInterrupt:
        return complain("interrupted; the unfinished sample was removed", EXIT_INTERRUPTED)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())

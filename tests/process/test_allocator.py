"""The allocator's thresholds: large blocks stay out of the heap once they are fixed."""

import ctypes
import subprocess
import sys

import pytest

from evloop.process.allocator import MMAP_THRESHOLD, fix_thresholds

# Tells how many blocks glibc has mapped each for itself, before and with one more of a size.
PROGRAM = f"""
import ctypes, sys
from evloop.process.allocator import fix_thresholds

class Mallinfo2(ctypes.Structure):  # mallinfo(3)
    _fields_ = [(name, ctypes.c_size_t) for name in
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2
if sys.argv[1] == "fixed":
    assert fix_thresholds()
block = bytearray(16 * {MMAP_THRESHOLD})
del block  # left alone, glibc raises the threshold now
before = mallinfo2().hblks
block = bytearray({MMAP_THRESHOLD} + 1)
print(mallinfo2().hblks - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
@pytest.mark.parametrize(("thresholds", "mapped"), [("fixed", "1"), ("left alone", "0")])
def test_a_large_block_is_mapped_for_itself(thresholds: str, mapped: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, thresholds],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == mapped


def test_another_c_library_takes_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not fix_thresholds()

"""What holds for all tests."""

import sys
import tempfile

import pytest
from hypothesis import HealthCheck, settings

from evloop.process.allocator import fix_thresholds

# How long an example takes says something about the machine, and nothing about the program.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Where no bytecode may be kept, keep it for as long as the tests run.

    They start some hundred programs, which would spend most of their time on compiling. What
    tests have freed is given back, too: bodies of many sizes left holes of hundreds of MiB.
    """
    fix_thresholds()
    if sys.dont_write_bytecode:
        directory = tempfile.TemporaryDirectory(prefix="evloop-bytecode-")
        config.add_cleanup(directory.cleanup)
        patch = pytest.MonkeyPatch()
        config.add_cleanup(patch.undo)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", directory.name)

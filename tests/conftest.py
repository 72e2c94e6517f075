"""What holds for all tests."""

import sys
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, and nothing about the program.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Where no bytecode may be kept, keep it for as long as the tests run.

    They start some hundred programs, which would spend most of their time on compiling.
    """
    if sys.dont_write_bytecode:
        directory = tempfile.TemporaryDirectory(prefix="evloop-bytecode-")
        config.add_cleanup(directory.cleanup)
        patch = pytest.MonkeyPatch()
        config.add_cleanup(patch.undo)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", directory.name)

"""The process in which atheris looks for inputs: `python -m fuzzing.guided TARGET OPTION...`."""

import importlib
import sys


def main(arguments: list[str]) -> None:
    """Fuzz a target; the options are libFuzzer's. Does not return."""
    # It has no types, and no wheel for every Python.
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["evloop"], enable_loader_override=False):
        targets = importlib.import_module("fuzzing.targets")
    target, *options = arguments
    with targets.open_target(target) as run:
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])

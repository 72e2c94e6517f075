"""What is published: the distributions and their metadata, and the files that publish them."""

import email
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

import evloop

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
STEM = f"evloop_server-{evloop.__version__}"
EPOCH = "1700000000"
"""The time of all that is packed, in seconds."""
DEADLINE = 300.0

METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
ROOMS = {"checksite", "cli", "compress", "demo", "files", "http", "http1", "http2", "net"}
ROOMS |= {"observe", "process", "settings", "site", "tls"}
TOOLS = {"bench", "campaign", "lab", "load", "monitoring", "report", "soaking"}
"""The packages of evloop_tools. What developers alone need is not in the wheel."""
DATA = {"bench/page.md", *(f"lab/floor/{name}" for name in ("copy.c", "respond.c", "sendfile.c"))}
DATA |= {"lab/floor/floor.h"}


# Neither the checkout nor what an editable installation adds to the path.
_FROM_WHEEL = (
    f"import sys; sys.path = ['.', *(p for p in sys.path if not p.startswith({str(ROOT)!r})"
)
_FROM_WHEEL += " or 'site-packages' in p)]"


def build(tree: Path, into: Path) -> None:
    """Make the source distribution and the wheel of *tree*."""
    run([sys.executable, "-m", "hatchling", "build", "-d", str(into)], tree)


def run(command: list[str], where: Path) -> str:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command,
        cwd=where,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("hatchling", "hatch_fancy_pypi_readme"):
        pytest.importorskip(package)
    into = tmp_path_factory.mktemp("dist")
    build(ROOT, into)
    return into


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the source distribution."""
    into = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(built / f"{STEM}.tar.gz") as archive:
        archive.extractall(into, filter="data")
    return into / STEM


@pytest.fixture(scope="module")
def metadata(built: Path) -> Message:
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        text = wheel.read(f"{STEM}.dist-info/METADATA").decode()
    return email.message_from_string(text)


# The distributions


def test_there_is_one_of_each_kind(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {
        f"{STEM}.tar.gz",
        f"{STEM}-py3-none-any.whl",
    }


def test_the_wheel_has_the_two_packages_and_nothing_else(built: Path) -> None:
    package, tools = ROOT / "evloop", ROOT / "tools" / "evloop_tools"
    modules = {path.relative_to(ROOT).as_posix() for path in package.rglob("*.py")}
    modules |= {path.relative_to(tools.parent).as_posix() for path in tools.rglob("*.py")}
    modules |= {f"evloop_tools/{name}" for name in DATA}
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
    described = {f"{STEM}.dist-info/{name}" for name in METADATA}
    assert names == modules | {"evloop/py.typed"} | described
    rooms = {path.name for path in package.iterdir() if path.is_dir()} - {"__pycache__"}
    assert rooms == ROOMS
    assert {path.name for path in tools.iterdir() if path.is_dir()} - {"__pycache__"} == TOOLS


@pytest.mark.slow
def test_the_wheel_runs_its_programs(built: Path, tmp_path: Path) -> None:
    # Unpacked, with the packages of this environment but without the checkout.
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path)
    bare = [sys.executable, "-P", "-c"]
    where = run([*bare, f"{_FROM_WHEEL}; import evloop_tools as it; print(it.__file__)"], tmp_path)
    assert Path(where.strip()).is_relative_to(tmp_path)
    program = f"{_FROM_WHEEL}; import evloop.cli; sys.exit(evloop.cli.main())"
    soak = ["soak", "--launch", "--clients", "2", "--requests", "20", "--mix", "full"]
    told = run([*bare, program, *soak], tmp_path)
    assert "PASS: " in told
    serve = [*bare, program, "serve", str(tmp_path), "--port", "0"]
    told = run([*bare, program, "monitor", "--duration", "200ms", "--", *serve], tmp_path)
    assert "growth of own" in told
    load = ["bench", "--driver", "own", "--duration", "200ms", "--rounds", "1", "--clients", "4"]
    path = ["--path", "/evloop/__init__.py"]
    told = run([*bare, program, *load, *path, "--", *serve], tmp_path)
    assert re.search(r"CPU per request +requests/s", told)


def test_the_source_distribution_has_all_that_is_kept(built: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: what is kept is not known")
    kept = set(run(["git", "ls-files", "--cached"], ROOT).splitlines())
    with tarfile.open(built / f"{STEM}.tar.gz") as archive:
        packed = {name.removeprefix(f"{STEM}/") for name in archive.getnames()}
    assert kept - packed == set()
    assert {name for name in packed if name.endswith((".bin", ".pyc"))} <= kept


def test_the_same_tree_makes_the_same_bytes(built: Path, unpacked: Path, tmp_path: Path) -> None:
    # The second tree has other times, other places, and no history.
    build(unpacked, tmp_path)
    for path in built.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.slow
def test_the_source_distribution_passes_its_own_tests(unpacked: Path) -> None:
    where = run([sys.executable, "-c", "import evloop; print(evloop.__file__)"], unpacked)
    assert Path(where.strip()).is_relative_to(unpacked)
    tests = ["tests/test_documents.py", "tests/test_layering.py", "tests/http"]
    told = run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests], unpacked)
    assert re.search(r"^\d+ passed in ", told, re.M)


@pytest.mark.slow
def test_an_index_takes_them(built: Path) -> None:
    pytest.importorskip("twine", reason="twine comes with the dev extra")
    files = [str(path) for path in built.iterdir()]
    told = run([sys.executable, "-m", "twine", "check", "--strict", *files], built)
    assert told.count("PASSED") == 2


# Their metadata


def test_the_name_of_the_distribution_is_not_that_of_the_package(metadata: Message) -> None:
    assert metadata["Name"] == PROJECT["name"] == "evloop-server"
    assert metadata["Version"] == evloop.__version__
    assert PROJECT["scripts"] == {"evloop": "evloop.cli:main"}


def test_nobody_is_told_to_install_the_other_project() -> None:
    # `evloop` on the package index is another project. tools/ have a test of their own.
    for path in [*ROOT.glob("*.*"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("public/**/*.*")]:
        if path.suffix in {".md", ".toml", ".html", ".js"}:
            wrong = re.findall(r"pip install[^\n]*\bevloop(?!-server)\b.*", path.read_text("utf-8"))
            assert [line for line in wrong if "&&" not in line] == [], path


def test_serving_needs_one_package(metadata: Message) -> None:
    needs = metadata.get_all("Requires-Dist", [])
    assert [need for need in needs if "extra ==" not in need] == ["httptools<1,>=0.6.4"]
    extras = {"auth", "compress", "tls", "tools", "plot", "qr", "test", "dev"}
    assert set(metadata.get_all("Provides-Extra", [])) == extras


def test_no_release_is_published_without_the_projects_address(
    workflows: dict[str, Any], tmp_path: Path
) -> None:
    runs = [str(step.get("run")) for step in steps(workflows["release"])]
    (step,) = (run for run in runs if "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" in run)
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    address = "https://forge.test/owner/repository"
    environment = {
        "GITHUB_SERVER_URL": "https://forge.test",
        "GITHUB_REPOSITORY": "owner/repository",
    }
    for urls, code in (
        ("", 1),
        (f'Homepage = "{address}-of-another"\n', 1),
        (f'Homepage = "{address}"\n', 0),
    ):
        (where := tmp_path / "pyproject.toml").write_text(text + urls)
        done = subprocess.run(
            ["bash", "-ec", step], cwd=where.parent, env={**os.environ, **environment}, check=False
        )
        assert done.returncode == code, urls


def test_an_address_that_is_given_is_a_whole_one(metadata: Message) -> None:
    for named in metadata.get_all("Project-URL", []):
        assert re.fullmatch(r"[A-Z]\w+, https://[\w./-]+", named)
        assert "OWNER" not in named


def test_each_python_that_is_tested_is_named(metadata: Message) -> None:
    named = {
        line.rpartition(" ")[2] for line in metadata.get_all("Classifier", []) if " 3." in line
    }
    versions = re.findall(r'"(3\.\d+)"', (ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    assert named == set(versions)
    assert metadata["Requires-Python"] == f">={min(named, key=lambda text: int(text[2:]))}"


def test_no_link_of_the_description_leads_nowhere(metadata: Message) -> None:
    description = str(metadata.get_payload())
    assert "# evloop" in description
    targets = re.findall(
        r"\]\(([^)]*)\)|^\[[^\]]+\]: *(\S+)|(?:src|href)=\"([^\"]*)\"", description, re.M
    )
    links = [target for found in targets for target in found if target]
    assert [link for link in links if not link.startswith(("https://", "http://", "#"))] == []
    assert "docs/benchmarks.md" in description  # as a name, where it was a link
    assert "![" not in description


# Releases


def releases() -> Iterator[tuple[str, str]]:
    """Yield the version and the date of each release in the changelog, the latest first."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    yield from re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", text, re.M)


def test_the_changelog_begins_with_what_is_not_released_and_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings[0] == "[Unreleased]"
    assert next(releases())[0] == evloop.__version__
    assert len(headings) == 1 + len(list(releases()))


def test_changes_are_grouped_as_the_format_says() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    groups = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for section in text.split("\n## ")[1:]:
        found = re.findall(r"^### (.*)$", section, re.M)
        assert found == [group for group in groups if group in found]


# The files that publish and check


YAML_FILES = sorted([*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"])


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_is_yaml(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "\t" not in text
    assert all((len(line) - len(line.lstrip())) % 2 == 0 for line in text.splitlines())
    if importlib.util.find_spec("yaml") is not None:
        import yaml

        assert isinstance(yaml.safe_load(text), dict)


@pytest.fixture
def workflows() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the dev extra")
    paths = ROOT.glob(".github/workflows/*.yml")
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in paths}


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_hosted_checks_are_those_of_the_checkout(workflows: dict[str, Any]) -> None:
    for workflow in workflows.values():
        assert any(step.get("run") == ".ci/run" for step in steps(workflow))
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_no_workflow_may_do_more_than_it_needs(workflows: dict[str, Any]) -> None:
    assert workflows["ci"]["permissions"] == {"contents": "read"}
    assert workflows["release"]["permissions"] == {}
    build_job, publish = (workflows["release"]["jobs"][name] for name in ("build", "publish"))
    assert build_job["permissions"] == {"contents": "read"}
    assert publish["permissions"] == {
        "attestations": "write",
        "contents": "write",
        "id-token": "write",
    }
    # What may publish runs no code of the repository.
    assert not any("actions/checkout" in step.get("uses", "") for step in publish["steps"])


def test_a_release_is_attested_and_says_what_is_in_it(workflows: dict[str, Any]) -> None:
    used = [step.get("uses", "").partition("@")[0] for step in steps(workflows["release"])]
    for action in (
        "actions/attest-build-provenance",
        "actions/attest-sbom",
        "pypa/gh-action-pypi-publish",
    ):
        assert action in used
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text("utf-8")


def test_editors_are_told_the_limits_of_lines() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    width = configured["tool"]["ruff"]["line-length"]
    text = (ROOT / ".editorconfig").read_text("utf-8")
    assert f"[*.py]\nmax_line_length = {width}\n" in text

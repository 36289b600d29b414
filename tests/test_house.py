"""The laws of `docs/journey.md` that a machine can hold, and whether that page is true.

Floors, doors, plan and nouns are read from the page itself.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "screenkit"
MODULES = sorted(PACKAGE.rglob("*.py"))
JOURNEY = (ROOT / "docs" / "journey.md").read_text(encoding="utf-8")

FIELD_WORDS = {"Field", "field_validator", "model_validator", "ValidationError"}
"""What a settings class, or who reads one from a file, needs of pydantic beyond `Settings`."""

SCIENCE = ("crystal", "adsorption", "graph", "models", "learn")
NOT_SCIENCE = {"plan", "store", "executors", "tasks", "flows", "cli", "recipe", "ranking", "report"}

BANNED_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "pickle.load",
    "pickle.loads",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "torch.load",
    "os.system",
    "os.popen",
    "marshal.loads",
    "shelve.open",
    "np.seterr",
    "numpy.seterr",
    "np.random.seed",
    "numpy.random.seed",
    "warnings.filterwarnings",
    "warnings.simplefilter",
}

BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "config"}


LONGEST_FILE = 350
LONGEST_FUNCTION = 55
"""Lines; of a function without its docstring."""


def where(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    """Return the room of a module: the folder, or the file that stands at the top."""
    return Path(where(path)).parts[0].removesuffix(".py")


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imported(path: Path) -> list[tuple[str, int]]:
    """Return (module, line) of each import in a file, those inside functions included."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where(path)}:{node.lineno}: write imports in full"
            if node.module == "screenkit":
                for alias in node.names:
                    yield f"screenkit.{alias.name}", node.lineno
            else:
                yield str(node.module), node.lineno


def section(title: str) -> str:
    """Return what stands under a heading of the journey."""
    return JOURNEY.split(f"\n## {title}\n")[1].split("\n## ")[0]


def table(title: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the journey, without its head."""
    rows = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def doors() -> dict[str, list[str]]:
    """Return which guest may enter where; a door that ends in `/` is all that is in a folder."""
    return {
        guest: re.findall(r"`([\w/]+(?:\.py|/))`", where_to)
        for guests, where_to in table("Doors")
        for guest in re.findall(r"`(\w+)`", guests)
    }


def plan() -> list[str]:
    """Return every file that the plan of the journey names, by its path in the package."""
    names, folder = [], ""
    for line in section("Plan").splitlines():
        if match := re.fullmatch(r"( +)([\w.]+/?)( .*)?", line):
            inside, name = len(match[1]) > 6, match[2]
            if name.endswith("/"):
                folder = name
            else:
                names.append(folder + name if inside else name)
    return names


def definitions(place: str) -> dict[str, ast.AST]:
    """Return the classes, functions and methods of a file by name."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    return {node.name: node for node in ast.walk(tree(PACKAGE / place)) if isinstance(node, kinds)}


def floors() -> dict[str, int]:
    """Return the floor of each room, from the table in the journey."""
    lines = [line.split() for line in section("Floors").splitlines() if line.strip()]
    return {name: int(number) for number, *names in lines for name in names}


def module_names() -> list[str]:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    return sorted(name.removesuffix(".__init__") for name in names)


def test_every_room_has_a_floor():
    rooms = {room(path) for path in MODULES} - {"__init__", "__main__"}
    assert rooms == set(floors())


def test_imports_run_downhill():
    floor = floors()
    uphill = []
    for path in MODULES:
        here = room(path)
        if here in ("__init__", "__main__"):
            continue
        for module, line in imported(path):
            parts = module.split(".")
            if parts[0] != "screenkit" or len(parts) < 2 or parts[1] in (here, "__version__"):
                continue
            if floor[parts[1]] >= floor[here]:
                uphill.append(f"{where(path)}:{line} imports {module}")
    assert not uphill


def test_the_package_itself_imports_nothing():
    assert list(imported(PACKAGE / "__init__.py")) == []


def test_science_knows_no_store_no_plan_no_cluster_and_no_screen():
    seen = [
        f"{where(path)}:{line} imports {module}"
        for path in MODULES
        if room(path) in SCIENCE
        for module, line in imported(path)
        if module.startswith("screenkit.") and module.split(".")[1] in NOT_SCIENCE
    ]
    assert not seen


def test_each_guest_comes_in_by_its_door_and_no_door_is_unused():
    used, intruders = set(), []
    for path in MODULES:
        for module, line in imported(path):
            guest = module.split(".")[0]
            if guest in sys.stdlib_module_names or guest in ("screenkit", "numpy", "pydantic"):
                continue
            open_to = [d for d in doors().get(guest, []) if where(path).startswith(d)]
            used |= {(guest, door) for door in open_to}
            if not open_to:
                intruders.append(f"{where(path)}:{line} lets {guest} in")
    assert not intruders
    wanted = {(guest, door) for guest, through in doors().items() for door in through}
    assert {pair for pair in wanted - used if pair[0] != "pydantic"} == set()


def test_every_guest_is_invited():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # What few need is asked for by name, and is missed with a message.
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["parquet"], *extras["gcmc"]]
    invited = {re.split(r"[<>=\[ ]", text)[0] for text in wanted}
    called = {"yaml": "pyyaml", "sklearn": "scikit-learn"}
    assert {called.get(guest, guest) for guest in doors()} <= invited


def test_the_plan_names_every_module_and_nothing_else():
    rooms = [where(path) for path in MODULES if not path.stem.startswith("__")]
    assert sorted(plan()) == sorted(rooms)


def test_every_noun_lives_where_the_journey_says_and_is_frozen():
    for noun, _, place in table("Nouns"):
        found = definitions(place.strip("`"))
        assert noun in found, f"{noun} is not in {place}"
        node = found[noun]
        assert isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list:
            if "dataclass" in ast.unparse(decorator):
                assert "frozen=True" in ast.unparse(decorator), f"{noun} is not frozen"


@pytest.mark.parametrize(
    ("what", "least"), [("CIF", 15), ("label", 9), ("weight", 10), ("round", 8)]
)
def test_each_journey_calls_what_there_is(what: str, least: int):
    steps = re.findall(
        r"^ {6}(\w+/\w+\.py) +([\w.]+)\(([^)]*)\)", section(f"Journey of one {what}"), re.M
    )
    assert len(steps) >= least
    for place, name, given in steps:
        node = definitions(place)[name.split(".")[-1]]
        assert isinstance(node, ast.FunctionDef)
        known = [argument.arg for argument in node.args.args if argument.arg not in ("self", "cls")]
        said = [argument for argument in given.split(", ") if argument not in ("...", "")]
        assert known[: len(said)] == said, f"{place}: {name}"
        assert given.endswith("...") or len(said) >= len(known) - len(node.args.defaults), name


def test_no_room_is_larger_than_one_can_hold_in_the_head():
    large = [
        f"{where(path)} has {lines} lines"
        for path in MODULES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.FunctionDef):
                continue
            if any(ast.unparse(decorator) == "kernel" for decorator in node.decorator_list):
                continue
            told = ast.get_docstring(node, clean=False) or ""
            lines = node.end_lineno - node.lineno + 1 - len(told.splitlines())
            if lines > LONGEST_FUNCTION:
                large.append(f"{where(path)}:{node.lineno} {node.name} has {lines} lines")
    assert not large


def test_pydantic_enters_by_settings():
    intruders = []
    for path in MODULES:
        if where(path) in ("settings.py", "recipe.py"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import) and any(a.name == "pydantic" for a in node.names):
                intruders.append(where(path))
            if isinstance(node, ast.ImportFrom) and node.module == "pydantic":
                words = {alias.name for alias in node.names} - FIELD_WORDS
                intruders += [f"{where(path)}: {word}" for word in words]
    assert not intruders


def test_nothing_hides_from_the_type_checker_or_from_this_test():
    assert not [where(path) for path in MODULES if "TYPE_CHECKING" in path.read_text("utf-8")]


def loads_published_weights(path: Path, node: ast.Call) -> bool:
    """Whether this is the one place that reads others' pickles, and says that none is run."""
    told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    return (
        where(path) == "models/published.py"
        and ast.unparse(node.func) == "torch.load"
        and told.get("weights_only") == "True"
    )


def test_no_banned_call():
    found = []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call) or loads_published_weights(path, node):
                continue
            if ast.unparse(node.func) in BANNED_CALLS:
                found.append(f"{where(path)}:{node.lineno} calls {ast.unparse(node.func)}")
            for keyword in node.keywords:
                if keyword.arg == "shell" and ast.unparse(keyword.value) == "True":
                    found.append(f"{where(path)}:{node.lineno} opens a shell")
                if keyword.arg == "weights_only":
                    found.append(f"{where(path)}:{node.lineno} loads weights by pickle")
    assert not found


def test_no_error_is_swallowed():
    found = []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                name = ast.unparse(node.type) if node.type else "everything"
                silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                if silent and name in ("everything", "Exception", "BaseException"):
                    found.append(f"{where(path)}:{node.lineno}")
    assert not found


def test_an_assert_only_tells_the_type_checker_what_is_known():
    # What may really happen is an error with a message; `python -O` leaves out every assert.
    found = []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Assert):
                continue
            parts = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
            said = [ast.unparse(part) for part in parts]
            if not all(re.search(r" is not None$|^isinstance\(", text) for text in said):
                found.append(f"{where(path)}:{node.lineno} asserts {ast.unparse(node.test)}")
    assert not found


def test_no_module_is_named_for_having_no_name():
    assert not [where(path) for path in MODULES if path.stem in BANNED_NAMES]


def test_every_module_says_what_it_does():
    silent = [
        where(path) for path in MODULES if path.stat().st_size and not ast.get_docstring(tree(path))
    ]
    assert not silent


def test_no_file_of_the_project_knows_the_machine_it_was_written_on():
    paths = re.compile(r"(?<![\w.])/(?:work|home|Users|root)/\w")
    places = ("screenkit", "tests", "recipes", "docs", "examples", "benchmarks", "slurm")
    files = [
        path
        for place in places
        for path in (ROOT / place).rglob("*")
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".txt", ".sh") and path.is_file()
    ]
    found = [
        str(path.relative_to(ROOT))
        for path in files
        if path != Path(__file__) and paths.search(path.read_text(encoding="utf-8"))
    ]
    assert not found


_WITNESS = """
import json, os, pathlib, signal, sys, threading, warnings
import numpy as np
folder = pathlib.Path.cwd()
def state():
    return {
        "filters": [str(f) for f in warnings.filters if "screenkit" in str(f)],
        "environment": dict(os.environ),
        "files": sorted(map(str, folder.rglob("*"))),
        "seed": np.random.get_state()[1][:8].tolist(),
        "errors": np.geterr(),
        "umask": os.umask(0o22),
        "interrupt": str(signal.getsignal(signal.SIGINT)),
        "terminate": str(signal.getsignal(signal.SIGTERM)),
        "threads": [t.name for t in threading.enumerate()],
    }
# Guests first: what they do to the process is not ours.
for guest in json.loads(sys.argv[1]):
    __import__(guest)
before = state()
filters = list(warnings.filters)
for name in json.loads(sys.argv[2]):
    __import__(name)
after = state()
assert list(warnings.filters) == filters, "a warning filter was changed"
changed = [key for key in before if before[key] != after[key]]
assert not changed, {key: (before[key], after[key]) for key in changed}
"""

GUESTS = [
    "torch", "numba", "h5py", "scipy.stats", "pydantic", "yaml", "gemmi", "rich.progress", "typer",
    "safetensors.torch", "multiprocessing", "dask", "distributed", "submitit",
]  # fmt: skip


@pytest.mark.slow
def test_importing_does_nothing(tmp_path: Path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _WITNESS,
            json.dumps(GUESTS),
            json.dumps(module_names()),
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


_HELP = """
import sys
from screenkit.cli.app import run
heavy = {"torch", "numba", "dask", "distributed", "pymatgen", "h5py", "scipy", "matplotlib",
         "numpy", "gemmi", "yaml", "safetensors", "sklearn", "optuna", "spglib"}
# Not pydantic: Typer itself may wake it.
for words in ["--version", "--help", "evaluate -h"] + [f"{name} --help" for name in sys.argv[1:]]:
    assert run(words.split()) == 0, words
    woken = {name.split(".")[0] for name in sys.modules}
    assert not woken & heavy, (words, woken & heavy)
"""
_COMMANDS = (
    *("rank", "clean", "label", "train", "explain", "models"),
    *("status", "logs", "cancel", "retry", "verify", "merge"),
    *("select", "compare", "export", "gcmc", "gcmc prepare", "campaign"),
)


def test_help_wakes_nothing_heavy(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", _HELP, *_COMMANDS],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert all(f"screenkit {name}" in done.stdout for name in _COMMANDS)


_SCREENING = """
import sys
import screenkit.executors.dask, screenkit.flows.screen, screenkit.tasks.explain
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
for name in ("pore", "knagcn"):
    Checkpoint.load(find_checkpoint(name)).build()
spare = {"sklearn", "optuna", "spglib", "matplotlib", "pymatgen", "scipy.spatial", "scipy.stats"}
spare |= {"sympy", "torch._dynamo"}
assert not spare & set(sys.modules), spare & set(sys.modules)
"""


@pytest.mark.slow
def test_a_screening_and_its_workers_wake_no_guest_that_few_models_ask_for(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", _SCREENING],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_help_answers_at_once(tmp_path: Path):
    # 0.5 s of processor time, not of the clock: a test machine is not quiet.
    seconds = []
    for _ in range(3):
        started = _children_seconds()
        subprocess.run(
            [sys.executable, "-m", "screenkit", "--help"],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "PATH": ""},
            check=True,
            capture_output=True,
            timeout=60,
        )
        seconds.append(_children_seconds() - started)
    assert min(seconds) < 0.5, seconds


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system

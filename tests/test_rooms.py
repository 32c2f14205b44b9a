"""The rooms of the house: imports run downhill only, and what each library may be imported by."""

import ast
from collections.abc import Iterator
from pathlib import Path

import neurotransfer

PACKAGE = Path(neurotransfer.__file__).parent
FLOORS = (("system",), ("vgg", "image_io", "detect"), ("transfer",), ("runs",), ("batch",), ("cli",))
"""The folders, lowest floor first; rooms of one floor do not know each other."""


def modules() -> dict[str, Path]:
    """Every module below the rooms, by its dotted name: ``vgg.formats.npz`` and its file."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): PACKAGE / path for path in paths}


def imported(source: str) -> Iterator[str]:
    """Every name that a source imports, dotted, whichever form of import it uses, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole path"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """The room of an imported name, the root if it is in none; nothing for others' modules."""
    package, _, rest = name.partition(".")
    if package != "neurotransfer":
        return ""
    first = rest.split(".")[0]
    return first if any(first in floor for floor in FLOORS) else "root"


def uphill(module: str, source: str) -> list[str]:
    """What a module imports from above, or from another room of its own floor; the root is above all rooms."""
    floor_of = {name: number for number, names in enumerate((*FLOORS, ("root",))) for name in names}
    own = module.split(".")[0]
    found = [name for name in imported(source) if room(name) not in ("", own)]
    return [name for name in found if floor_of[room(name)] >= floor_of[own]]


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """The modules that each module imports when it is loaded or later, types included."""
    found: dict[str, set[str]] = {}
    for name, source in sources.items():
        names = {imported_name.removeprefix("neurotransfer.") for imported_name in imported(source)}
        found[name] = {other for other in sources if other in names or other in {n.rpartition(".")[0] for n in names}}
    return found


def circle(edges: dict[str, set[str]]) -> str | None:
    """A module from which imports lead back to it; None if there is none."""
    for start in edges:
        seen: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            if (name := waiting.pop()) not in seen:
                seen.add(name)
                waiting += edges[name]
        if start in seen:
            return start
    return None


def importers(library: str) -> set[str]:
    """The modules that import a library."""
    sources = ((name, path.read_text()) for name, path in modules().items())
    return {name for name, source in sources if any(found.split(".")[0] == library for found in imported(source))}


def test_every_folder_is_a_room_of_the_plan():
    assert {name.split(".")[0] for name in modules()} == {name for floor in FLOORS for name in floor}


def test_imports_run_downhill():
    rising = {name: uphill(name, path.read_text()) for name, path in modules().items()}
    assert {name: found for name, found in rising.items() if found} == {}


def test_an_import_uphill_is_found_in_every_form():
    for line in (
        "from neurotransfer.runs import job",
        "from neurotransfer.runs.job import Job",
        "import neurotransfer.runs.job",
        "def late():\n    from neurotransfer.runs.job import Job",
    ):
        assert uphill("transfer.plan", line), line
        assert not uphill("cli.main", line), line
    assert uphill("vgg.weights", "from neurotransfer.image_io.arrays import resize"), "the room next door"
    assert uphill("cli.main", "import neurotransfer"), "neurotransfer.anything"
    assert uphill("cli.main", "from neurotransfer import Session")


def test_no_import_runs_in_a_circle():
    assert circle(graph({name: path.read_text() for name, path in modules().items()})) is None
    there, back = "from neurotransfer.transfer.plan import Plan", "from neurotransfer.transfer.sizes import fit"
    assert circle(graph({"transfer.sizes": there, "transfer.plan": back}))
    assert not circle(graph({"transfer.sizes": there, "transfer.plan": ""}))


def test_the_root_imports_no_heavy_library():
    for path in PACKAGE.glob("*.py"):
        heavy = {name.split(".")[0] for name in imported(path.read_text())} & {"tensorflow", "numpy", "PIL", "click"}
        assert not heavy, path.name


def test_only_the_command_line_imports_click():
    assert {name.split(".")[0] for name in importers("click")} == {"cli"}


def test_only_the_method_and_the_network_import_tensorflow():
    found = importers("tensorflow")
    assert "system.tensorflow" in found
    assert {name.split(".")[0] for name in found - {"system.tensorflow"}} <= {"transfer", "vgg"}

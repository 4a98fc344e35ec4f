"""The documentation agrees with the code: commands parse, suites validate, links and names exist."""

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import click
import pytest

from bench_suite.cli import COMMANDS, bench
from bench_suite.comparison.gates import judge, stated_gates
from bench_suite.components import discovery
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan
from bench_suite.suite.spec import AXES, SECTIONS, train_options

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAMES = [str(page.relative_to(DOCS)) for page in PAGES]
BLOCK = re.compile(r"(?P<mark><!-- [^\n]* -->\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
BUILTIN = [(kind, name) for kind in discovery.KINDS for name in discovery.builtin(kind)]
SMALLEST = {
    "[[tasks]]": '[[tasks]]\nuse = "mnist"\ndata = "sample"\n',
    "[[models]]": '[[models]]\nuse = "mlp"\n',
    "[probes": "[probes.quality]\n",
}


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """The module that fills the generated parts; it does not need MkDocs."""
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


# ── generated parts ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_generated_part_is_made_and_no_marker_is_left(hooks: ModuleType, page: Path) -> None:
    text = hooks.filled(read(page), page.name)
    assert "<!-- generated:" not in text
    for match in hooks.MARKER.finditer(read(page)):
        if match["name"] != "quickstart":  # the README need not contain its output yet
            assert hooks.PARTS[match["name"]](match["argument"] or "").strip(), match[0]


def test_a_marker_that_names_no_part_is_an_error(hooks: ModuleType) -> None:
    with pytest.raises(ValueError, match='no generated part "nothing"'):
        hooks.filled("<!-- generated: nothing -->", "page.md")


@pytest.mark.parametrize(("kind", "name"), BUILTIN, ids=[f"{kind}/{name}" for kind, name in BUILTIN])
def test_every_component_stands_on_the_page_of_its_kind(hooks: ModuleType, kind: str, name: str) -> None:
    assert f"## {name}\n" in hooks.part_components(kind)


def test_the_suite_page_has_every_training_option_axis_and_command(hooks: ModuleType) -> None:
    suite = hooks.filled(read(DOCS / "reference" / "suite.md"), "suite.md")
    for option in (*train_options(), *AXES):
        assert f"| `{option}` |" in suite, option
    commands = hooks.filled(read(DOCS / "reference" / "commands.md"), "commands.md")
    for command in COMMANDS:
        assert f"## bench {command}\n" in commands, command


def test_a_bar_in_a_cell_of_a_table_is_escaped(hooks: ModuleType) -> None:
    assert hooks.table(("a",), [["one | two\n  three"]]).splitlines()[-1] == "| one \\| two three |"


def test_links_that_leave_the_site_become_plain_text_and_others_stay(hooks: ModuleType) -> None:
    assert hooks.inside("[README](../README.md#x), [suite](suite.md)", 0) == "README, [suite](suite.md)"
    assert hooks.inside("[README](../../README.md), [suite](../suite.md)", 1) == "README, [suite](../suite.md)"


# ── the drawing of the floors ───────────────────────────────────────────────────────────────────


def test_the_drawing_has_every_room_of_the_import_contract_on_its_floor(hooks: ModuleType) -> None:
    contracts = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    wanted = [re.findall(r"\w+", layer) for layer in layers]
    assert hooks.floors() == wanted
    drawn: dict[str, list[str]] = {}
    for height, room in re.findall(
        r'<text x="[\d.]+" y="(\d+)" text-anchor="middle">(\w+)</text>', hooks.part_floors("")
    ):
        drawn.setdefault(height, []).append(room)
    assert list(drawn.values()) == wanted
    source = hooks.mermaid(wanted)
    for number, rooms in zip(range(len(wanted), 0, -1), wanted):
        assert re.search(rf"subgraph floor{number}\[.*\]\n" + "".join(rf"    {room}\n" for room in rooms), source)


def test_no_page_makes_the_theme_load_a_script_from_another_host(hooks: ModuleType) -> None:
    assert "name: mermaid" not in read(ROOT / "mkdocs.yml")
    for page in PAGES:
        text = hooks.filled(read(page), page.name)
        assert "```mermaid" not in text
        assert re.findall(r"<(?:script|link|iframe)\b|!\[[^\]]*\]\(https?:", BLOCK.sub("", text)) == []


# ── troubleshooting ─────────────────────────────────────────────────────────────────────────────


def printed(node: ast.AST) -> str | None:
    """Return a string of the source with `…` for each value that is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(printed(part) or "…" for part in node.values)
    return None


@pytest.fixture(scope="module")
def messages() -> list[str]:
    """Return every string of the package."""
    trees = [ast.parse(read(path)) for path in discovery.PACKAGE.rglob("*.py")]
    return [text for tree in trees for node in ast.walk(tree) if (text := printed(node)) is not None]


QUOTED = re.findall(
    r"^\| `([^`]+)` \|", read(DOCS / "troubleshooting.md").partition("## The suite file")[2], re.MULTILINE
)


@pytest.mark.parametrize("message", QUOTED)
def test_every_message_of_the_troubleshooting_page_is_printed_by_the_program(messages: list[str], message: str) -> None:
    """The fixed parts of a message occur in this order in one string of the package."""
    parts = [re.escape(part) for part in message.split("…") if part.strip(" :;,()[]")]
    assert parts, message
    pattern = re.compile(".*".join(parts), re.DOTALL)
    if not any(pattern.search(text) for text in messages):
        pytest.fail(f"no string of the package has the message: {message}")


# ── components ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "name"), BUILTIN, ids=[f"{kind}/{name}" for kind, name in BUILTIN])
def test_every_component_says_what_it_is_and_every_option_what_it_means(kind: discovery.Kind, name: str) -> None:
    component = discovery.find(kind, name, ROOT)
    assert component.summary.endswith((".", "?", ")")), component.summary
    assert len(component.summary) <= 120
    for option in component.options.values():
        assert option.help.endswith("."), f"{option.name}: {option.help!r}"


@pytest.mark.parametrize("name", discovery.builtin("metrics"))
def test_every_metric_has_its_formula_what_is_best_and_what_it_raises(name: str) -> None:
    tree = ast.parse(read(discovery.PACKAGE / "metrics" / f"{name}.py"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    text = ast.get_docstring(function) or ""
    assert re.search(r"[Σ√] ?|C\[i, j\]| / ", text), "no formula"
    assert re.search(r"^Returns:\n    \S", text, re.MULTILINE), "no section Returns"
    assert re.search(r"^Raises:\n    ValueError: \S", text, re.MULTILINE), "no section Raises with ValueError"
    if "UNIT" in {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }:
        assert "best" in text


# ── links and names ─────────────────────────────────────────────────────────────────────────────


def slug(heading: str) -> str:
    """Return an anchor as MkDocs makes it."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_resolve_and_so_do_their_anchors(hooks: ModuleType, page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", read(page))):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            text = hooks.filled(read(target), target.name) if target.is_relative_to(DOCS) else read(target)
            headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"[\w/-]+\.md", text.partition("\nnav:")[2])) == set(NAMES)


def section(name: str) -> list[str]:
    """Return the pages of a section of the navigation."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    block = re.search(rf"^  - {name}:(.*(?:\n      .*)*)", text, re.MULTILINE)
    assert block is not None, name
    return re.findall(r"[\w/-]+\.md", block[1])


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"], ids=["README", "index"])
def test_the_readme_and_the_home_page_link_to_every_guide_and_explanation(page: Path) -> None:
    wanted = {name for part in ("Tutorial", "Guides", "Explanation") for name in section(part)}
    assert {"guides/fairness.md", "guides/attribution.md", "guides/selftest.md", "explanation/comparing.md"} <= wanted
    wanted |= {"reference/suite.md", "reference/commands.md", "reference/results.md", "components/index.md"}
    links = {link.partition("#")[0].removeprefix("docs/") for link in re.findall(r"\]\(([^)\s]+)", read(page))}
    assert wanted - links == set()


def test_the_home_page_denies_nothing_that_there_is() -> None:
    denied = read(DOCS / "index.md").partition("## Not there yet\n")[2]
    assert denied
    assert [name for name in discovery.builtin("probes") if re.search(rf"\b{name}s?\b", denied)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_test_files_and_tests_that_are_named_exist(page: Path) -> None:
    tests = {path: read(path) for path in (ROOT / "tests").rglob("test_*.py")}
    for file in re.findall(r"`(tests/[\w/]+\.py)`", read(page)):
        assert (ROOT / file) in tests, file
    for name in re.findall(r"`(test_\w+)`", read(page)):
        assert any(f"def {name}(" in text for text in tests.values()), name


def test_every_contract_has_an_entry_on_its_page_and_every_entry_is_a_contract() -> None:
    listed = set(
        re.findall(r"^::: bench_suite\.contracts\.(\w+)$", read(DOCS / "reference" / "contracts.md"), re.MULTILINE)
    )
    body = ast.parse(read(discovery.PACKAGE / "contracts.py")).body
    classes = {node.name for node in body if isinstance(node, ast.ClassDef)}
    aliases = {target.id for node in body if isinstance(node, ast.Assign) for target in node.targets}
    assert classes - listed == set()
    assert listed - classes - aliases == set()


def test_names_for_mkdocstrings_exist(hooks: ModuleType) -> None:
    for page in PAGES:
        for name in re.findall(r"^::: ([\w.]+)$", hooks.filled(read(page), page.name), re.MULTILINE):
            module, _, thing = name.rpartition(".")
            path = (discovery.PACKAGE.parent / module.replace(".", "/")).with_suffix(".py")
            path = path if path.is_file() else discovery.PACKAGE.parent / module.replace(".", "/") / "__init__.py"
            if name.startswith("bench_suite.contracts"):
                continue
            defined = {
                node.name for node in ast.parse(read(path)).body if isinstance(node, ast.FunctionDef | ast.ClassDef)
            }
            assert thing in defined, name


# ── commands ────────────────────────────────────────────────────────────────────────────────────


def commands() -> Iterator[tuple[str, str]]:
    """Return every command of `bench` in blocks and in inline code, with its page."""
    for page, name in zip(PAGES, NAMES):
        text = read(page)
        for block in BLOCK.finditer(text):
            if block["language"] in ("sh", "yaml"):
                for line in block["text"].splitlines():
                    if match := re.match(r"^(?:\s*- run: )?(bench .+)$", line):
                        yield name, match[1]
        for inline in re.findall(r"`(bench [^`]+)`", BLOCK.sub("", text)):
            yield name, " ".join(inline.split())


@pytest.mark.parametrize(("page", "command"), list(commands()))
def test_commands_exist_and_their_options_parse(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    if ">" in words:
        words = words[: words.index(">")]
    if words[0] == "--help":
        return
    assert words[0] in COMMANDS, command
    click_command = bench.get_command(click.Context(bench), words[0])
    assert click_command is not None
    if "--help" in words or len(words) == 1:  # the text only mentions the command
        return
    click_command.make_context(words[0], words[1:])


def test_the_two_commands_are_those_of_the_readme() -> None:
    wanted = re.findall(r"^python3 -m venv .*$", read(ROOT / "README.md"), re.MULTILINE)[:2]
    assert re.findall(r"^python3 -m venv .*$", read(DOCS / "index.md"), re.MULTILINE) == wanted


# ── suites ──────────────────────────────────────────────────────────────────────────────────────


def suites() -> Iterator[tuple[str, str]]:
    """Return every TOML block, with its page; add the missing parts to a block that shows a part of a suite."""
    for page, name in zip(PAGES, NAMES):
        for block in BLOCK.finditer(read(page)):
            if block["language"] == "toml" and not block["mark"]:
                missing = [
                    text
                    for start, text in SMALLEST.items()
                    if not re.search(rf"^{re.escape(start)}", block["text"], re.MULTILINE)
                ]
                yield name, "\n".join([block["text"], *missing])


@pytest.mark.parametrize(("page", "text"), list(suites()))
def test_suites_are_valid_and_have_cells(tmp_path: Path, page: str, text: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text, encoding="utf-8")
    assert make_plan(read_suite(str(path))).cells


def test_every_section_of_a_suite_has_a_heading_on_its_page() -> None:
    headings = " ".join(re.findall(r"^## (.+)$", read(DOCS / "reference" / "suite.md"), re.MULTILINE))
    for section in SECTIONS:
        assert section in headings, section


def test_the_tutorials_steps_add_up_to_a_valid_suite_with_the_cells_it_shows(tmp_path: Path) -> None:
    text = "\n".join(b["text"] for b in BLOCK.finditer(read(DOCS / "tutorial.md")) if b["language"] == "toml")
    tomllib.loads(text)
    (tmp_path / "digits.toml").write_text(text, encoding="utf-8")
    plan = make_plan(read_suite(str(tmp_path / "digits.toml")))
    assert len(plan.cells) == 7
    for cell in plan.cells:
        assert cell.id[:8] in read(DOCS / "tutorial.md"), "an identity has changed: run the tutorial again"


def test_the_tutorials_gate_says_what_the_tutorial_shows() -> None:
    def record(model: str, value: float, low: float, high: float) -> Record:
        row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=Interval(low, high))
        return Record(
            "run", "digits", model, "", {"task": "mnist", "model": model, "seed": 0}, {}, "ok", metrics=(row,)
        )

    records = [record("logistic_regression", 0.891, 0.872, 0.909), record("wide", 0.9343, 0.918, 0.9494)]
    shown = read(DOCS / "tutorial.md")
    for judgement in judge(stated_gates({"quality/accuracy": {"min": 0.945}}), records):
        assert f"gate {judgement.verdict}: {judgement.metric}, {judgement.where}: {judgement.message}" in shown


# ── results ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [field.name for kind in (Record, MetricRow, Interval) for field in fields(kind)])
def test_every_field_of_a_record_is_explained(name: str) -> None:
    assert f"`{name}`" in read(DOCS / "reference" / "results.md")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_blocks_of_python_are_python(page: Path) -> None:
    for block in BLOCK.finditer(read(page)):
        if block["language"] == "python":
            compile(block["text"], str(page), "exec")


# ── design ──────────────────────────────────────────────────────────────────────────────────────


def test_the_rooms_that_the_design_names_exist() -> None:
    table = read(DOCS / "explanation" / "design.md").partition("## Where to look\n")[2].partition("\n## ")[0]
    rooms = re.findall(r"`([\w/]+(?:/|\.py))`", table)
    assert len(rooms) > 15
    assert [room for room in rooms if room != "results/" and not (discovery.PACKAGE / room).exists()] == []

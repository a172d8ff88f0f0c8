"""The documents: code blocks, links, numbers, trust documents, and the parts that are generated."""

import json
import re
import runpy
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from pkgutil import resolve_name

import pytest

from irsa.__main__ import COMMANDS as PROGRAM
from irsa.callers.facts import RoleFacts
from irsa.callers.lines import callers_of
from irsa.commands.cli import parser
from irsa.commands.known_errors import KNOWN_ERRORS
from irsa.verify.link import LINKS
from irsa_core.identity.policies import irsa_trust_policy, size
from irsa_core.identity.subjects import service_account_ref
from irsa_sandbox.engine.project import parse_yaml
from tests.support.code_blocks import COMMANDS, OTHERS, blocks
from tests.support.imports import imports_of
from tests.support.paths import ROOT
from tests.support.processes import ran
from tests.support.world import ACCOUNT_A, PROVIDER_ARN
from tools import environment
from tools.docs import generated, json_page
from tools.docs.generated import outdated, with_blocks
from tools.docs.pages import documents
from tools.docs.reference import BLOCKS

LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
DECISION = re.compile(r"\bdecisions? (D?[0-9]+)\b")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ENVIRONMENTS = {"trust-preview.json": "preview", "trust-deploy.json": "team-1"}
CONTRIBUTING = (ROOT / "docs" / "contributing.md").read_text()


def test_each_block_says_what_it_is_and_can_be_pasted_into_any_shell():
    kinds = (*COMMANDS, *OTHERS)
    unknown = [block.where for block in blocks() if block.language not in kinds]
    assert unknown == [], f"say behind the three backticks what the block is: one of {kinds}"
    shells = [block for block in blocks() if block.language == "sh"]
    commented = [block.where for block in shells if re.search(r"(^|\s)#", block.content)]
    assert commented == [], "zsh takes a comment that is pasted for arguments; say it in the text"
    assert shells


def files(*patterns: str) -> list[Path]:
    """The repository's own files, as git knows them."""
    git = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    listed = ran(*git, *patterns, cwd=ROOT, check=True).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", files("*.md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    dead = [
        f"{target}#{anchor}" if anchor else target
        for target, anchor in LINK.findall(document.read_text())
        if not (document.parent / target).exists()
        or (anchor and anchor not in anchors(document.parent / target if target else document))
    ]
    assert not dead, f"{document.relative_to(ROOT)}: no such file or heading: {dead}"


def test_every_decision_that_is_named_is_recorded_and_each_is_listed():
    recorded = {path.name[:4] for path in DECISIONS}
    named = {
        (str(path.relative_to(ROOT)), number)
        for path in files("*.py", "*.md", "*.yaml", "*.toml")
        if path != Path(__file__)
        for number in DECISION.findall(path.read_text())
    }
    assert named
    assert [link for link in sorted(named) if link[1].zfill(4) not in recorded] == []
    for path in DECISIONS:
        title = path.read_text().partition("\n")[0].removeprefix("# ")
        assert f"- [{title}](decisions/{path.name})\n" in CONTRIBUTING


def test_every_path_and_module_that_a_document_names_exists():
    names = {name for path in files() for name in (path.name, path.relative_to(ROOT).parts[0])}
    for document in documents():
        for name, member in re.findall(r"`([\w./*-]+)(?::(\w+))?`", document.read_text()):
            where = f"{document.name}: {name}:{member}"
            if name.endswith(".py") or ("/" in name and name.partition("/")[0] in names):
                assert name in names or any(ROOT.glob(name)), where
            elif re.fullmatch(r"(irsa\w*|stack_config|tests|tools)(\.\w+)+", name):
                assert resolve_name(name), where
            if member and (ROOT / name).is_file():
                assert re.search(rf"(def|class) {member}\b", (ROOT / name).read_text()), where
    for folder, cells in re.findall(r"(?m)^\| \[.+\]\(\.\./(.+?)\) (\|.*)", CONTRIBUTING):
        for name in re.findall(r"`(\w+)`", cells):
            assert any((ROOT / folder).rglob(f"{name}*")), f"contributing.md: {folder}/{name}"


def test_an_arrow_of_the_layers_is_an_import_that_follows_from_no_other():
    rooms = {k: v.split(", ") for k, v in re.findall(r'(\w+)\["<b>(.+?)<', CONTRIBUTING)}
    part = re.compile("^(command|components|core|sandbox)/")
    led_to = {
        (room, other)
        for room, paths in rooms.items()
        for path in paths
        for imported in imports_of(*files(f"{path}.py", f"{path}/*.py"))
        for other in {*rooms} - {room}
        for target in rooms[other]
        if f"{imported}.".startswith(part.sub("", f"{target}/").replace("/", "."))
    }
    for between in rooms:
        led_to |= {(a, d) for (a, b), (c, d) in product(led_to, led_to) if b == c == between}
    arrows = led_to - {(a, d) for (a, b), (c, d) in product(led_to, led_to) if b == c}

    targets = {room: [other for other in rooms if (room, other) in arrows] for room in rooms}
    right = [f"{room} --> {' & '.join(others)}" for room, others in targets.items() if others]
    assert re.findall(r"(?m)^ +(\w+ --> .+)$", CONTRIBUTING) == right


def test_every_document_is_current_and_has_each_generated_block_once():
    assert [str(path.relative_to(ROOT)) for path in outdated()] == [], "run: make docs"
    texts = [path.read_text() for path in documents()]
    for name in BLOCKS:
        assert sum(text.count(f"<!-- begin: {name} -->\n") for text in texts) == 1, name
    with pytest.raises(KeyError, match="nothing"):
        with_blocks("<!-- begin: nothing -->\n<!-- end: nothing -->\n")


def test_an_option_is_explained_once_and_named_by_each_command_that_has_it():
    block = BLOCKS["options"]()

    rows = re.findall(r"(?m)^\| `.*$", block)
    assert len(rows) == len(set(rows)) > 0
    for name in PROGRAM:
        section = block.partition(f"## {name}\n")[2].partition("\n## ")[0]
        for action in parser(name)._actions[1:]:  # --help is the first
            assert f"`{', '.join(action.option_strings)}" in section, (name, action)


def test_a_field_that_a_page_or_a_command_has_alone_is_a_difference(tmp_path, monkeypatch):
    assert json_page.problems() == []
    page = json_page.PAGE.read_text().replace("| `Version` | `int` |", "| `code` | `str` |")
    monkeypatch.setattr(json_page, "PAGE", tmp_path / "page.md")
    json_page.PAGE.write_text(page.replace("`failing_link` | `str", "`failing_link` | `int"))
    assert json_page.problems() == [
        "verify.chains.failing_link: 'service-account' is not int",
        "credentials.Version: not in the page",
        "credentials.code: missing",
        "ProcessCredentials.code: in no output",
    ]


def test_the_symptoms_are_the_commonest_and_lead_to_known_names():
    page = (ROOT / "docs/troubleshooting.md").read_text()
    messages = parse_yaml((ROOT / "command/tests/commands/messages.yaml").read_text())
    counts = {error: sum(map(len, causes.values())) for error, causes in messages.items()}
    commonest = Counter(counts).most_common(10)
    linked = re.findall(r"\blinks? (`[^.;(]+)", page.partition("<!-- begin")[0])

    symptoms = re.findall(r"(?m)^\d+\. .*\(`doctor (.+)`\)$", page)
    assert {*symptoms} == {key for key, _ in commonest}
    assert f"Of {sum(counts.values())} messages" in page
    assert {*re.findall(r"`doctor ([a-z-]+)`", page)} <= {error.key for error in KNOWN_ERRORS}
    assert {name for text in linked for name in re.findall(r"`([\w-]+)`", text)} <= LINKS.keys()


@pytest.mark.cases("names", {"current": [], "outdated": ["page.md"]})
def test_the_check_exits_with_1_for_an_outdated_document(tmp_path, monkeypatch, capsys, names):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(generated, "outdated", lambda: {tmp_path / name: "new" for name in names})
    monkeypatch.setattr(sys, "argv", ["tools.docs", "--check"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("tools.docs", run_name="__main__")

    said = [f"{name} is outdated; run `make docs`" for name in names]
    assert (ended.value.code, capsys.readouterr().err.splitlines()) == (len(names), said)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("quota", "clusters"), [(2048, 4), (4096, 9), (8192, 18)])
def test_the_number_of_clusters_that_fit_into_a_trust_policy(quota, clusters):
    providers = [f"{PROVIDER_ARN[:-2]}{each:02X}" for each in range(clusters + 1)]
    own = [service_account_ref("dev", "s3-app")]

    assert size(irsa_trust_policy(providers[:-1], own, quota=quota)) <= quota
    with pytest.raises(ValueError, match="trust fewer subjects or clusters"):
        irsa_trust_policy(providers, own, quota=quota)
    assert f"| {quota:,} characters | {clusters} | " in (ROOT / "docs/fleet.md").read_text()


@pytest.mark.parametrize(("trust", "environment"), ENVIRONMENTS.items())
def test_a_trust_document_lets_one_environment_of_one_repository_in(trust, environment):
    callers = callers_of(
        json.loads((ROOT / "docs/examples" / trust).read_text()), RoleFacts(ACCOUNT_A)
    )

    sub = f"repo:acme@1234567/irsa@7654321:environment:{environment}"
    only = f"tokens of GitHub Actions whose sub is {sub} if aud StringEquals sts.amazonaws.com"
    assert ([each.text for each in callers.lines], callers.notes) == ([only], [])

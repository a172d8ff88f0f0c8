"""The documents: code blocks, links, numbers, trust documents, and the parts that are generated."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from irsa.callers.facts import RoleFacts
from irsa.callers.lines import callers_of
from irsa.identity.policies import irsa_trust_policy, size
from irsa.identity.subjects import service_account_ref
from tests.support.code_blocks import COMMANDS, OTHERS, blocks
from tests.support.paths import ROOT
from tests.support.processes import ran
from tests.support.world import ACCOUNT_A, PROVIDER_ARN
from tools import environment
from tools.docs import generated
from tools.docs.generated import documents, outdated, with_blocks
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


def test_every_step_of_the_data_flow_exists():
    flows = CONTRIBUTING.partition("### Data flow")[2].partition("\n### ")[0].split("\n**")[1:]

    assert len(flows) == 7
    for flow in flows:
        steps = re.findall(r"`([\w/]+\.py):(\w+)`", flow)
        assert len(steps) == len(set(steps)) > 3
        for file, name in steps:
            code = (ROOT / file).read_text()
            assert re.search(rf"(def|class) {name}\b", code), f"{file} has no {name}"


def test_every_document_is_current_and_has_each_generated_block_once():
    assert [str(path.relative_to(ROOT)) for path in outdated()] == [], "run: make docs"
    texts = [path.read_text() for path in documents()]
    for name in BLOCKS:
        assert sum(text.count(f"<!-- begin: {name} -->\n") for text in texts) == 1, name
    with pytest.raises(KeyError, match="nothing"):
        with_blocks("<!-- begin: nothing -->\n<!-- end: nothing -->\n")


@pytest.mark.parametrize("names", [[], ["page.md"]], ids=["current", "outdated"])
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

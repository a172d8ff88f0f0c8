"""Tables and lists of the documents, from the code: commands, troubleshooting, evaluator."""

import argparse
import re
from functools import partial

import yaml

from irsa.commands import cli
from irsa.commands.cli import COMMANDS, Command
from irsa.commands.known_errors import KNOWN_ERRORS, Cause
from irsa.verify.link import LINKS
from irsa_core.decide.condition_keys import GUIDE, OF_ISSUERS, OF_SERVICES, TABLE, Cell
from irsa_core.decide.patterns import Key
from irsa_core.decide.scenario import FIELDS
from irsa_core.rules.table import RULES
from irsa_sandbox.aws.clients import AccessKeys
from irsa_sandbox.providers.aws.provider import package as aws_package
from tools.docs import components
from tools.docs.markdown import table
from tools.environment import ROOT

DIFFERENCES = ROOT / "sandbox/tests/parts/providers/differences.yaml"
DEPLOYER = ROOT / "tests/sandbox/systems/deployer.yaml"


def _commands() -> str:
    rows = [(f"[`{name}`](#{name})", command.summary) for name, command in COMMANDS.items()]
    return table(("command", "purpose"), rows)


def _options() -> str:
    printed: dict[tuple[str, str], str] = {}
    return "\n".join(_command(name, each, printed) for name, each in COMMANDS.items())


def _command(name: str, command: Command, printed: dict[tuple[str, str], str]) -> str:
    """A command's options; those that an earlier command has are listed by name.

    Not argparse's own help, whose layout differs between Pythons.
    """
    parser = cli.parser(name)
    groups = {
        group.title: [_option(e) for e in group._group_actions if e.dest != "help"]
        for group in parser._action_groups
    }
    new: list[tuple[str, str]] = []
    shared: dict[str, list[str]] = {}
    for title, rows in groups.items():
        added = [row for row in rows if printed.setdefault(row, name) == name]
        new += [(f"**{title}**", ""), *added] if added else []
        for row in rows:
            if printed[row] != name:
                shared.setdefault(printed[row], []).append(row[0])
    codes = ", ".join(f"{code} {meaning}" for code, meaning in command.codes.items())
    shown = ", ".join(f"`{example}`" for example in command.examples)
    lines = [
        f"As in [`{command}`](#{command}): {', '.join(shared[command])}.\n" for command in shared
    ]
    tables = [table(("option", ""), new)] if new else []
    said = f"Exit codes: {codes}. Examples: {shown}.\n"
    return "\n".join([f"## {name}\n", said, *tables, *lines])


def _option(action: argparse.Action) -> tuple[str, str]:
    choices = ",".join(map(str, action.choices or ()))
    value = "" if action.nargs == 0 else str(action.metavar or choices or action.dest.upper())
    name = " ".join([", ".join(action.option_strings), *([value] if value else [])]).strip()
    return f"`{name}`", (action.help or "").replace("%%", "%")


def _links() -> str:
    return table(("link", "it holds when"), [(f"`{key}`", LINKS[key]) for key in LINKS])


def _rules() -> str:
    rows = [
        (f"[`{key}`]({rule.page})", rule.severity, rule.text, rule.why, rule.remedy)
        for key, rule in RULES.items()
    ]
    return table(("rule", "severity", "finding", "why", "remedy"), rows)


def _errors() -> str:
    rows = [
        (f"`{each.key}`", each.error, each.meaning, each.causes[0].cause, _check(each.causes[0]))
        for each in KNOWN_ERRORS
    ]
    return table(("name", "error", "meaning", "first cause", "check"), rows)


def _check(cause: Cause) -> str:
    parts = [cause.check, f"`verify`, link `{cause.link}`" if cause.link else ""]
    checks = "; ".join(part for part in parts if part)
    page = re.sub("^([^:#]+)#", r"https://github.com/\1/issues/", cause.source)
    return f"{checks} ([source]({page}))" if page else checks


def _fields() -> str:
    rows = [(call, ", ".join(f"`{each}`" for each in sorted(of))) for call, of in FIELDS.items()]
    return table(("call", "fields"), rows)


def _condition_keys() -> str:
    head = (
        "key", "web identity call", "session that it returned", "other session",
        "user, root", "service", "page",
    )  # fmt: skip
    rows = [
        (
            ", ".join(f"`{key}`" for key in row.keys.split()),
            *map(_cell, row[1:6]),
            f"[AWS]({GUIDE}{row.page})",
        )
        for row in (*TABLE, OF_ISSUERS, OF_SERVICES)
    ]
    return table(head, rows)


def _cell(cell: Cell) -> str:
    return cell.value if isinstance(cell, Key) else cell.words


def _provider_differences() -> str:
    tables = yaml.safe_load(DIFFERENCES.read_text())
    rows = [
        (_plain(each["resource"]), _plain(each["path"]), each["reason"])
        for by_plugin in tables.values()
        for listed in by_plugin.values()
        for each in listed
    ]
    return table(("resource", "property", "why"), rows)


def _deployer() -> str:
    rows = [
        (
            f"`{sid}`",
            row["for"],
            ", ".join(f"`{action}`" for action in row.get("plugin", ())),
            ", ".join(f"[`{action}`]({page})" for action, page in row.get("pages", {}).items()),
        )
        for sid, row in yaml.safe_load(DEPLOYER.read_text())["statements"].items()
    ]
    head = ("statement", "for", "called by terraform-provider-aws alone", "taken from a page")
    return table(head, rows)


def _resource_types() -> str:
    package = aws_package("", ROOT, AccessKeys("", ""))
    rows: dict[str, tuple[list[str], list[str]]] = {}
    for column, tokens in enumerate((package.types, package.functions)):
        for token in tokens:
            _, module, name = token.split(":")
            shown = re.sub("([A-Z])", r"_\1", name).lower() if column else name
            rows.setdefault(module.partition("/")[0], ([], []))[column].append(f"`{shown}`")
    return table(
        ("module", "resources", "functions"),
        [
            (f"`aws.{module}`".replace(".index", ""), *(", ".join(sorted(names)) for names in both))
            for module, both in sorted(rows.items())
        ],
    )


def _plain(expression: str) -> str:
    """Return a regular expression as a reader needs it."""
    plain = expression.replace("::.*", "").replace(".*", "…").replace("\\", "")
    return f"`{plain}`"


BLOCKS = {
    **{f"component {name}": partial(components.section, name) for name in components.components()},
    "commands": _commands,
    "compared": components.compared,
    "components": components.contents,
    "options": _options,
    "links": _links,
    "rules": _rules,
    "errors": _errors,
    "fields": _fields,
    "condition keys": _condition_keys,
    "deployer": _deployer,
    "provider differences": _provider_differences,
    "resource types": _resource_types,
}
"""The text of each block between marks, in any document."""

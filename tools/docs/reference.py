"""Tables and lists of the documents, from the code: commands, troubleshooting, evaluator, fleet."""

import argparse
from importlib import import_module

from irsa.__main__ import COMMANDS
from irsa.audit.left_alone import NOT_RULES
from irsa.audit.table import RULES, Rule
from irsa.commands.troubles.diagnosis import TROUBLES
from irsa.commands.troubles.trouble import VERIFY, Cause
from irsa.decide.condition_keys import GUIDE, OF_ISSUERS, OF_SERVICES, TABLE, Cell
from irsa.decide.patterns import Key
from irsa.decide.scenario import FIELDS
from irsa.verify.link import LINKS
from policy_pack.rules import NEED_MORE, PACK
from tools.docs.fleet import clusters_table
from tools.docs.markdown import table


def _commands() -> str:
    rows = [(f"[`{name}`](#{name})", command.summary) for name, command in COMMANDS.items()]
    return table(("command", "what it says"), rows)


def _options() -> str:
    return "\n".join(_section(name, command.module) for name, command in COMMANDS.items())


def _links() -> str:
    rows = [(f"`{key}`", title) for key, title in LINKS.items()]
    return table(("link", "it holds when"), rows)


def _rules() -> str:
    rows = [
        (f"[`{key}`]({rule.page})", rule.severity, rule.text, rule.why, rule.remedy)
        for key, rule in RULES.items()
    ]
    return table(("rule", "severity", "what it finds", "why", "remedy"), rows)


def _policies() -> str:
    rows = [
        (f"[`{key}`]({rule.page})", _level(rule), rule.text, rule.remedy)
        for key, rule in PACK.items()
    ]
    return table(("rule", "level", "what it finds", "remedy"), rows)


def _level(rule: Rule) -> str:
    return "mandatory" if rule.severity == "error" else "advisory"


def _left_to_the_audit() -> str:
    return table(("left to `audit`", "reason"), [(f"`{k}`", v) for k, v in NEED_MORE.items()])


def _not_rules() -> str:
    return table(("left alone", "reason"), [(each.what, each.reason) for each in NOT_RULES])


def _errors() -> str:
    rows = [(f"[{each.error}](#{each.key})", each.meaning) for each in TROUBLES]
    return table(("error", "meaning"), rows)


def _causes() -> str:
    sections: list[str] = []
    for trouble in TROUBLES:
        causes = "\n".join(
            f"{number}. {each.cause}: {_check(each)}{_source(each.source)}"
            for number, each in enumerate(trouble.causes, start=1)
        )
        sections.append(
            f"## {trouble.key}\n\n```text\n{trouble.error}\n```\n\n{trouble.meaning}\n"
            f"Causes, the likeliest first:\n\n{causes}\n"
        )
    return "\n".join(sections)


def _fields() -> str:
    rows = [(call, ", ".join(f"`{each}`" for each in sorted(of))) for call, of in FIELDS.items()]
    return table(("call", "fields"), rows)


def _condition_keys() -> str:
    head = (
        "key", "web identity call", "session that it returned", "other session",
        "user, root, federated user", "service", "page",
    )  # fmt: skip
    rows = [
        (
            ", ".join(f"`{key}`" for key in row.keys.split()),
            *map(_key_cell, row[1:6]),
            f"[AWS]({GUIDE}{row.page})",
        )
        for row in (*TABLE, OF_ISSUERS, OF_SERVICES)
    ]
    return table(head, rows)


def _key_cell(cell: Cell) -> str:
    return cell.value if isinstance(cell, Key) else cell.words


def _check(cause: Cause) -> str:
    if cause.check == VERIFY:
        return f"link `{cause.link}` of `verify`"
    text = cause.check.replace(VERIFY, "`verify`")
    return f"{text} (link `{cause.link}`)" if cause.link else text


def _source(source: str) -> str:
    """The thread or page on which a cause rests, as a link."""
    if not source:
        return ""
    thread, _, number = source.partition("#")
    if source.startswith("https://"):
        return f" ([documentation]({source}))"
    return f" ([{source}](https://github.com/{thread}/issues/{number}))"


def _section(name: str, module: str) -> str:
    """A command's options. Not argparse's own help, whose layout differs between Pythons."""
    parser: argparse.ArgumentParser = import_module(module).parser()
    rows = [_row(each) for each in parser._actions if each.help != argparse.SUPPRESS]
    return f"## {name}\n\n{parser.description}\n\n{table(('option', ''), rows)}"


def _row(action: argparse.Action) -> tuple[str, str]:
    choices = ",".join(map(str, action.choices or ()))
    value = "" if action.nargs == 0 else str(action.metavar or choices or action.dest.upper())
    name = " ".join([*action.option_strings[-1:], *([value] if value else [])])
    return f"`{name}`", (action.help or "").replace("%%", "%")


BLOCKS = {
    "commands": _commands,
    "options": _options,
    "links": _links,
    "rules": _rules,
    "not rules": _not_rules,
    "policies": _policies,
    "left to the audit": _left_to_the_audit,
    "errors": _errors,
    "causes": _causes,
    "fields": _fields,
    "condition keys": _condition_keys,
    "clusters of a role": clusters_table,
}
"""What stands between the marks of a name, in whichever document."""

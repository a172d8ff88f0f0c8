"""``python -m irsa diff``: who gains and who loses access by a change, from files alone."""

import argparse
import json
from collections.abc import Iterator, Sequence

from irsa.callers.difference import Effect, permission_changes, trust_changes
from irsa.callers.sets import Undecided
from irsa.callers.stacks import GAINING, RoleChange, stack_changes
from irsa.commands import cli
from irsa.commands.sarif import Result, report
from irsa.observe.files import read_json, read_stack
from irsa.observe.pulumi import is_preview, stack_resources
from irsa.printable import code, lines, table
from irsa_core.identity.policy_json import Json, as_list, mapping

_SIGNS = {
    Effect.GAINS: "+", Effect.MAY_GAIN: "+", Effect.LOSES: "-", Effect.MAY_LOSE: "-",
    Effect.UNDECIDED: "?",
}  # fmt: skip
_LEVELS = {"+": "error", "-": "note", "?": "warning"}


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command.add_argument(
        "old",
        metavar="OLD",
        help="a trust policy, a permission policy, the state of a stack or its name, or a preview "
        "as JSON; - is standard input",
    )
    command.add_argument(
        "new",
        nargs="?",
        metavar="NEW",
        help="a later version of OLD (default, if OLD is a preview: the stack after it, compared "
        "with the stack before it)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command: exit code 1 where a caller gains or may gain, else 3 where a change is
    undecided."""
    changes, missing = _compared(options.old, options.new)
    if options.output == "json":
        print(cli.json_text(roles=[_as_json(role) for role in changes], unchecked=missing))
    elif options.output == "sarif":
        rules = [{"id": _rule(effect)} for effect in Effect]
        results = [
            Result(_rule(e), _LEVELS[_SIGNS[e]], f"role {role}", f"{e.value}: {words}", words)
            for role, e, words in _rows(changes)
        ]
        print(json.dumps(report("irsa diff", rules, results, missing), indent=1))
    elif options.output == "markdown":
        rows = [[code(role), f"**{e.value}**", code(words)] for role, e, words in _rows(changes)]
        print(lines(*table(("role", "", "callers, or calls"), rows), "", *missing))
    else:
        print(lines(*_text(changes), *missing))
    effects = {effect for _, effect, _ in _rows(changes)}
    if effects & {*GAINING}:
        return cli.FAILS
    return cli.UNDECIDED if Effect.UNDECIDED in effects or missing else cli.HOLDS


def _compared(old: str, new: str | None) -> tuple[list[RoleChange], list[str]]:
    documents = [_read(source) for source in (old, new) if source is not None]
    kind, *others = [_kind(document) for document in documents]
    if others not in ([], [kind]):
        raise cli.Stop(f"{old} is {kind}, and {new} is {others[0]}; give two of one kind")
    name = new or old
    if kind == "a stack":
        if new is None and not is_preview(documents[0]):
            raise cli.Stop(f"{old}: a state says nothing of a change; give a later one, too")
        with cli.stopping(f"{old}: ", ", and no policy"):
            before = stack_resources(documents[0], before=new is None)
        with cli.stopping(f"{name}: ", ", and no policy"):
            after = stack_resources(documents[-1])
        missing = dict.fromkeys(filter(None, (before.missing, after.missing)))
        return stack_changes(before, after), [*missing]
    if new is None:
        raise cli.Stop(f"{old}: a policy says nothing of a change; give the new one, too")
    try:
        with cli.stopping(f"{old}, {new}: "):
            if kind == "a trust policy":
                return [RoleChange(name, trust_changes(documents[0], documents[1]))], []
            return [RoleChange(name, (), permission_changes(documents[:1], documents[1:]))], []
    except Undecided as error:
        return [RoleChange(name, undecided=[str(error)])], []


def _read(name: str) -> Json:
    return read_json(name) if name.endswith(".json") or name == "-" else read_stack(name)


def _kind(document: Json) -> str:
    if "Statement" not in document:
        return "a stack"
    listed = map(mapping, as_list(document["Statement"]))
    trusts = any({"Principal", "NotPrincipal"} & each.keys() for each in listed)
    return "a trust policy" if trusts else "a permission policy"


def _rows(changes: Sequence[RoleChange]) -> Iterator[tuple[str, Effect, str]]:
    """Yield the role, the effect and the words of each change, and of what is undecided."""
    for role in changes:
        for effect, line in (*role.callers, *role.calls):
            example = f", {line.example}" if line.witness and (line.many or line.in_part) else ""
            yield role.role, effect, f"{line.text}{', in part' * line.in_part}{example}"
        yield from ((role.role, Effect.UNDECIDED, each) for each in role.undecided)


def _text(changes: Sequence[RoleChange]) -> Iterator[str]:
    for role in changes:
        yield f"role {role.role}"
        for _, effect, words in _rows([role]):
            yield f"  {_SIGNS[effect]} {effect.value:<9} {words}"
    effects = [change.effect for role in changes for change in (*role.callers, *role.calls)]
    counts = [f"{effects.count(each)} {each.value}" for each in Effect if each in effects]
    yield ", ".join(counts) or "no caller gains or loses access"


def _rule(effect: Effect) -> str:
    return effect.value.replace(" ", "-")


def _as_json(role: RoleChange) -> Json:
    return {
        "role": role.role,
        "changes": [
            {
                "effect": change.effect.value,
                "of": "callers" if change in role.callers else "permissions",
                "who": change.line.who,
                "conditions": list(change.line.conditions),
                "statement": change.line.statement or None,
                "witness": {
                    n: v for n, v in change.line.witness.items() if isinstance(v, str | tuple)
                },
            }
            for change in (*role.callers, *role.calls)
        ],
        "undecided": list(role.undecided),
    }

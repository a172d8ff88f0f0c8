"""Options and help of every command of `irsa` and of the sandbox."""

import json
import re
import shlex
from contextlib import suppress
from importlib import import_module

import pytest

from irsa.__main__ import main as irsa
from irsa.commands.cli import COMMANDS
from irsa_sandbox import __main__ as sandbox
from tests.support.paths import ROOT
from tools.docs.json_page import FILES

[subparsers] = [each for each in sandbox._parser()._actions if each.metavar == "COMMAND"]
PARSERS = {
    **{("irsa", name): import_module(each.module).parser() for name, each in COMMANDS.items()},
    **{("irsa_sandbox", name): parser for name, parser in subparsers.choices.items()},
}
MAINS = {"irsa": irsa, "irsa_sandbox": sandbox.main}
EVERY = pytest.mark.parametrize("command", PARSERS, ids=" ".join)
ANY_TEXT = {
    ("external_id", "-1"): "an external id is any text of STS's characters",
    ("text", "-1"): "an error message is any text",
}
"""Values that a parser takes, with the reason."""


def flag(action):
    return [action.metavar or action.dest, *action.option_strings][-1]


@EVERY
@pytest.mark.parametrize("value", ["", " ", "-1"], ids=["empty", "space", "negative"])
def test_an_empty_or_negative_value_is_refused_by_name(command, value, capsys):
    program, name = command
    before = []
    for action in PARSERS[command]._actions:
        words = [f"{flag(action)}={value}"] if action.option_strings else [*before, value]
        if action.nargs != 0 and (action.dest, value) not in ANY_TEXT:
            assert MAINS[program]([name, *words]) == 2
            [line] = capsys.readouterr().err.splitlines()
            assert flag(action) in line, words
        before += [] if action.option_strings else [next(iter(action.choices or "x"))]


@EVERY
def test_help_has_exit_codes_two_examples_that_parse_and_short_groups(command):
    parser = PARSERS[command]
    assert parser.format_help().startswith(f"usage: python -m {' '.join(command)} ")
    codes, _, examples = parser.epilog.partition("\nexamples:\n")
    assert re.findall(r"(?m)^  (\d)  \w", codes)[::2][0] == "0"
    assert max(len(group._group_actions) for group in parser._action_groups) <= 8
    first, second = (shlex.split(each) for each in examples.splitlines())
    for python, _, program, name, *words in (first, second):
        assert (python, program, name) == ("python", *command)
        sandbox.parse([name, *words]) if program == "irsa_sandbox" else parser.parse_args(words)
        assert all((ROOT / word).exists() for word in words if word.startswith("docs/"))


@EVERY
def test_an_unknown_option_is_refused_with_the_nearest_one(command, capsys):
    needed = {"doctor": ["x"], "diff": ["x"], "decide": ["x"], "takeover": ["x"], "stack": ["up"]}
    needed |= {"credentials": ["a/b"], "move": ["a/b", "--to", "irsa"], "exec": ["a/b"]}
    for action in PARSERS[command]._actions:
        if action.option_strings:
            typed = f"{flag(action)[:4]}q{flag(action)[4:]}"
            assert MAINS[command[0]]([command[1], *needed.get(command[1], []), typed]) == 2
            [line] = capsys.readouterr().err.splitlines()
            assert f"; the nearest option is {flag(action)}; " in line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_has_every_command_and_option(shell, capsys):
    for program, main in MAINS.items():
        with suppress(SystemExit):
            main(["--print-completion", shell])
        script = capsys.readouterr().out.replace("irsa_sandbox", "irsa-sandbox")
        assert re.search(rf"(?m)^(complete.*| *#compdef ){program.replace('_', '-')}\b", script)
        for name, parser in ((name, each) for (of, name), each in PARSERS.items() if of == program):
            assert name in script
            assert all(flag(e).lstrip("-") in script for e in parser._actions if e.option_strings)


@pytest.mark.parametrize(
    "line",
    ["explain --trust-policy new.json", "audit --stack state.json", "list --stack state.json",
     "takeover state.json", "diff old.json new.json", "decide allowed.json", "doctor ExpiredToken"],
)  # fmt: skip
@pytest.mark.parametrize("output", ["json", "text"])
def test_an_option_without_effect_is_named(line, output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for file, document in FILES.items():
        (tmp_path / file).write_text(json.dumps(document))
    name, *words = shlex.split(line)
    words += ["-o", output] if name != "decide" else []
    values = {"stack": "state.json", "since": "report.json", "baseline": "empty.json"}
    values |= {"issuer": "https://x", "assume_role": "arn:aws:iam::111122223333:role/x"}
    values |= {"to": "acme/new/dev", "wait": "1"}
    (tmp_path / "report.json").write_text('{"service_accounts": []}')
    (tmp_path / "empty.json").write_text("[]")

    def done(*more):
        return irsa([name, *words, *more]), *capsys.readouterr()

    alone = done()
    assert alone[0] in {**COMMANDS[name].codes, 2: ""}
    for action in PARSERS["irsa", name]._actions:
        if action.option_strings and flag(action) not in ("--help", "--output", *words):
            more = [flag(action), values.get(action.dest, "x")][: 1 + (action.nargs != 0)]
            code, out, err = done(*more)
            assert (code, out) != alone[:2] or flag(action) in err, more

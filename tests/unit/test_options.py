"""Options and help of every command of `irsa` and of the sandbox."""

import json
import re
import shlex
from contextlib import suppress

import pytest

from irsa.__main__ import main as irsa
from irsa.commands.cli import COMMANDS, Stop, parser
from irsa_sandbox import __main__ as sandbox
from tests.support.paths import ROOT
from tools.docs.json_page import FILES, RUNS

[subparsers] = [each for each in sandbox._parser()._actions if each.metavar == "COMMAND"]
PARSERS = {("irsa", name): parser(name) for name in COMMANDS}
PARSERS |= {("irsa_sandbox", name): parser for name, parser in subparsers.choices.items()}
EVERY = pytest.mark.parametrize("command", PARSERS, ids=" ".join)
ANY_TEXT = {
    ("external_id", "-1"): "an external id is any text of STS's characters",
    ("text", "-1"): "an error message is any text",
}
"""Values that a parser takes, with the reason."""
VALUES = {"stack": "state.json", "since": "list.json", "baseline": "none.json", "to": "a/b/dev"}
VALUES |= {"issuer": "https://x", "assume_role": "arn:aws:iam::111122223333:role/x"}


def usage_error(command, words, capsys):
    """The line that a command line is refused with; nothing of the sandbox is started."""
    if command[0] == "irsa_sandbox":
        with pytest.raises(Stop) as refused:
            sandbox.parse([command[1], *words])
        return str(refused.value)
    assert irsa([command[1], *words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    return line


def flag(action):
    return [action.metavar or action.dest, *action.option_strings][-1]


def examples(command):
    lines = PARSERS[command].epilog.partition("\nexamples:\n")[2].splitlines()
    return [shlex.split(line) for line in lines]


@EVERY
@pytest.mark.parametrize("value", ["", " ", "-1"], ids=["empty", "space", "negative"])
def test_an_empty_or_negative_value_is_refused_by_name(command, value, capsys):
    before = []
    for action in PARSERS[command]._actions:
        words = [f"{flag(action)}={value}"] if action.option_strings else [*before, value]
        if action.nargs != 0 and (action.dest, value) not in ANY_TEXT:
            assert flag(action) in usage_error(command, words, capsys), words
        before += [] if action.option_strings else [next(iter(action.choices or "x"))]


@EVERY
def test_help_has_exit_codes_two_examples_that_parse_and_short_groups(command):
    text, parser = PARSERS[command].format_help(), PARSERS[command]
    assert text.startswith(f"usage: python -m {' '.join(command)} ")
    assert re.search(r"\n  0  .+\n(  1  .+\n)?  2  wrong usage or input\n", text)
    assert max(len(group._group_actions) for group in parser._action_groups) <= 8
    first, second = examples(command)
    for python, _, program, name, *words in (first, second):
        assert (python, program, name) == ("python", *command)
        sandbox.parse([name, *words]) if program == "irsa_sandbox" else parser.parse_args(words)
        assert all((ROOT / word).exists() for word in words if word.startswith("docs/"))


@EVERY
def test_an_unknown_option_is_refused_with_the_nearest_one(command, capsys):
    words = examples(command)[0][4:]
    for option in (flag(e) for e in PARSERS[command]._actions if e.option_strings):
        line = usage_error(command, [f"{option[:4]}q{option[4:]}", *words], capsys)
        assert f"; the nearest option is {option}; " in line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_has_every_command_and_option(shell, capsys):
    for program, run in (("irsa", irsa), ("irsa_sandbox", sandbox.parse)):
        with suppress(SystemExit):
            run(["--print-completion", shell])
        script = capsys.readouterr().out
        assert re.search(rf"(?m)^(complete.*|#compdef ){program.replace('_', '-')}\b", script)
        own = {name: parser for (of, name), parser in PARSERS.items() if of == program}
        options = [e for parser in own.values() for e in parser._actions if e.option_strings]
        assert [e for e in (*own, *map(flag, options)) if e.lstrip("-") not in script] == []


@pytest.mark.parametrize("run", RUNS[:-1])
@pytest.mark.parametrize("output", ["json", "text"])
def test_an_option_without_effect_is_named(run, output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for file, document in {**FILES, "none.json": [], "list.json": {"service_accounts": []}}.items():
        (tmp_path / file).write_text(json.dumps(document))
    name, *words = run.split()
    words += ["-o", output] if name != "decide" else []

    def done(*more):
        return irsa([name, *words, *more]), *capsys.readouterr()

    alone = done()
    assert alone[0] in {**COMMANDS[name].codes, 2: ""}
    for action in PARSERS["irsa", name]._actions:
        if action.option_strings and flag(action) not in ("--help", "--output", *words):
            more = [flag(action), *[VALUES.get(action.dest, "x")] * (action.nargs != 0)]
            code, out, err = done(*more)
            assert (code, out) != alone[:2] or flag(action) in err, more

"""A Pulumi project's settings files: read with errors of one line, and copied for the sandbox.

The engine writes to the settings that it runs with, so it gets a copy; the project stays as it is.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from ..errors import SandboxError
from ..serving.files import write_private

NOT_COPIED = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""Encryption of a stack's secrets outside the sandbox. In it, the stack's state has that."""


def read_project(project: Path) -> dict[str, Any]:
    """A project's Pulumi.yaml. Raises `SandboxError`."""
    file = project / "Pulumi.yaml"
    if not file.exists():
        fix = "--project names the folder that has it"
        for parent in reversed(project.resolve().parents):
            fix = f"run `cd {quote(str(parent))}`" if (parent / file.name).exists() else fix
        raise SandboxError(f"{project.resolve()} has no Pulumi.yaml; {fix}")
    content = _read(file)
    if not isinstance(content.get("name"), str):
        raise SandboxError(f"{file}: `name` is missing; it names the project")
    runtime = content.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language not in ("python", None):
        others = "for others use an installed pulumi with `python -m irsa_sandbox env`"
        fix = "write `python`" if str(language).startswith("py") else others
        raise SandboxError(
            f"{file}: `runtime` is {language}, and `stack` runs Python programs; {fix}"
        )
    return content


def read_stack(project: Path, stack: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A stack's settings, without those of its encryption.

    ``config`` replaces values by key; a value None removes the key. Raises `SandboxError` for a
    file that Pulumi would not accept, and for a value that only the user's key can decrypt.
    """
    file = project / f"Pulumi.{stack}.yaml"
    others = sorted(path.name for path in project.glob("Pulumi.*.yaml"))
    if others and file.name not in others and not config:  # most likely its name is misspelt
        raise SandboxError(f"{project} has no {file.name}; it has {', '.join(others)}")
    settings = _read(file) if file.exists() else {}
    for key in settings:
        if ":" in key:
            raise SandboxError(f"{file}: {key} stands beside `config:`; indent it below")
    file_config = _mapping(settings.get("config"), f"{file}: `config`")
    values = {key: value for key, value in {**file_config, **config}.items() if value is not None}
    for key, value in values.items():
        for path in _encrypted(value, key):
            raise SandboxError(
                f"{file}: {path} is encrypted (`secure:`) with a key that the sandbox does not "
                f"have; give the sandbox a value of its own: --config '{key}=VALUE'"
            )
    kept = {key: value for key, value in settings.items() if key not in NOT_COPIED}
    return {**kept, "config": values}


def write_settings(
    project: Mapping[str, Any], stack: str, settings: Mapping[str, Any], target: Path
) -> None:
    """Write the two settings files of a project and its stack into a folder."""
    target.mkdir(parents=True, exist_ok=True)
    for name, content in (("Pulumi.yaml", project), (f"Pulumi.{stack}.yaml", settings)):
        # Whole: stacks of one project, which share a file, may run side by side.
        text = yaml.safe_dump(dict(content), sort_keys=False)
        write_private(target / name, text.encode())


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Return the document as Pulumi reads it: a key that is given twice is a `yaml.YAMLError`."""
    return _Loader(text).get_single_data()


def _read(file: Path) -> dict[str, Any]:
    try:
        return _mapping(parse_yaml(file.read_text("utf-8")), str(file))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = str(error.problem)
        hints = {"'\\t'": "; indent with spaces", "<block end>": "; look at the indentation"}
        hint = next((hint for sign, hint in hints.items() if sign in problem), "")
        raise SandboxError(f"{file}{line}: not YAML: {problem}{hint}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise SandboxError(f"{file}: {' '.join(str(error).split())}") from error


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = {list: "a list", str: "text"}.get(type(value), f"`{value}`")
        raise SandboxError(f"{what} is {kind}; it must be a mapping, lines of `key: value`")
    return value


def _encrypted(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of values that Pulumi encrypted."""
    if isinstance(value, Mapping):
        if value.keys() == {"secure"} and isinstance(value["secure"], str):
            yield path
        for name, inner in value.items():
            yield from _encrypted(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _encrypted(inner, f"{path}[{number}]")

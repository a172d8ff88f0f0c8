"""A list of the configuration that stands in a folder: one file for each entry."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .reader import Entries

_SUFFIXES = (".json", ".yaml", ".yml")
_BESIDE = (".md",)
"""What may lie beside the entries; anything else may be one that nobody would miss."""


def read_folder(key: str, folder: str, project: Path) -> Entries:
    """The entries that the folder's files hold, in the order of their names.

    ``key`` is where the folder is given, such as ``irsa:workloads``, and ``folder`` is relative to
    ``project``. An entry without a ``name`` has the file's. Raises ValueError, one line, for a
    folder that is not there or holds nothing, and for a file that is no entry.
    """
    places = {
        str(Path(folder) / file.name): file
        for file in _files(key, folder, project.resolve())
        if not file.name.startswith(".") and file.suffix not in _BESIDE
    }
    entries = [(place, _entry(file, place)) for place, file in places.items()]
    if not entries:
        raise ValueError(
            f"{key}: folder {folder!r} holds no {', '.join(_SUFFIXES)} file; add one, or write "
            "'none' if there should be nothing"
        )
    _refuse_repeats(entries)
    return Entries(tuple((f"{place}:", entry) for place, entry in entries))


def _files(key: str, folder: str, project: Path) -> list[Path]:
    try:
        return sorted((project / folder).iterdir())
    except OSError as error:
        raise ValueError(
            f"{key}: there is no folder {folder!r} in {project} ({error.strerror}); name one that "
            "is there, or write a list, or 'none' if there should be nothing"
        ) from error


def _entry(file: Path, place: str) -> Mapping[str, Any]:
    if file.is_dir():
        raise ValueError(f"{place} is a folder, and would not be read; move its files up")
    if file.suffix not in _SUFFIXES:
        raise ValueError(
            f"{place} would not be read; call it {file.stem}.yaml if it is an entry, and move it "
            "elsewhere if not"
        )
    try:
        text = file.read_text("utf-8")
        content = _json(text) if file.suffix == ".json" else yaml.load(text, _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"{place}{_position(error)}: not YAML: {error.problem}") from error
    except json.JSONDecodeError as error:
        where = f", line {error.lineno}, column {error.colno}"
        raise ValueError(f"{place}{where}: not JSON: {error.msg}") from error
    except (ValueError, yaml.YAMLError, OSError) as error:
        raise ValueError(f"{place}: {' '.join(str(error).split())}") from error
    if not isinstance(content, Mapping):
        what = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise ValueError(f"{place} {what}; it holds one entry, lines of `key: value`")
    return content if content.get("name") is not None else {**content, "name": file.stem}


def _refuse_repeats(entries: list[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse two files of one name, while it is still known which files they are."""
    first: dict[str, str] = {}
    for place, entry in entries:
        other = first.setdefault(str(entry["name"]), place)
        if other != place:
            raise ValueError(
                f"{place}: {entry['name']!r} is the name of {other} too; rename one of them"
            )


def _position(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""


class _Loader(yaml.SafeLoader):
    """YAML as Pulumi reads a stack's own file: a key that is given twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See `yaml.SafeLoader`."""
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, repeated in zip(keys, _repeated([key.value for key in keys]), strict=True):
            if repeated:
                problem = f"{key.value!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep)


def _json(text: str) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for (key, _), repeated in zip(pairs, _repeated([key for key, _ in pairs]), strict=True):
            if repeated:
                raise ValueError(f"{key!r} is given twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=mapping)


def _repeated(keys: list[str]) -> list[bool]:
    """Whether each key stands before itself."""
    return [key in keys[:at] for at, key in enumerate(keys)]

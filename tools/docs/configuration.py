"""docs/configuration.md and schemas/, from the classes that the configuration is read into."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal, NamedTuple, get_args, get_origin

import yaml

from components.config.account_a import AccountASettings
from components.config.account_b import AccountBSettings
from components.config.keys import Key, classes_of, descriptions, folders_of, keys_of, section_of
from components.config.roles import RoleOnlySettings
from components.config.schema import entry_schema, stack_schema
from components.config.workloads import WorkloadSettings
from tools.docs.markdown import anchor, table

PAGE = "docs/configuration.md"
REQUIRED = "**required**"


class Project(NamedTuple):
    """A Pulumi project, and where what is generated of it stands."""

    name: str
    title: str
    settings: Any
    folder: str
    schema: str


PROJECTS = (
    Project("irsa", "Account A", AccountASettings, "", "schemas/account-a.json"),
    Project(
        "irsa-account-b", "Account B", AccountBSettings, "account_b/", "schemas/account-b.json"
    ),
)

ENTRIES = {
    "schemas/workload.json": entry_schema(WorkloadSettings, "One of irsa:workloads, in a file"),
    "schemas/role.json": entry_schema(RoleOnlySettings, "One of irsa:roles, in a file"),
}

INTRO = """# Configuration

<!-- Written by tools/docs/configuration.py from the classes in components/config. -->

Each stack reads `Pulumi.<stack>.yaml` of its project once, before anything is registered. A
mistake is one line that says where it stands, what is wrong and what to do: an unknown key, a
wrong type, keys that contradict each other, a name that AWS or Kubernetes would refuse.

- Account ids and other numbers that are names go in quotes.
- A key that is left out, or null, has its default.
- A list that must be given is never empty, because a slip would take everything down: `none` says
  that it is.
- `irsa:workloads` and `irsa:roles` may be a folder instead of a list, relative to the project's:
  one YAML or JSON file for each entry, whose `name` is the file's if it is left out
  ([docs/fleet.md](fleet.md#a-file-for-each-workload)).
- The first line of the two example files names a [JSON Schema](../schemas), so that editors
  complete keys, show what they mean and mark mistakes. Another stack's file gets the same line.
"""


def pages() -> dict[str, str]:
    """What is generated here, by its path in the repository."""
    schemas = {
        project.schema: json.dumps(stack_schema(project.settings, project.name), indent=2) + "\n"
        for project in PROJECTS
    }
    entries = {path: json.dumps(schema, indent=2) + "\n" for path, schema in ENTRIES.items()}
    page = INTRO + "".join(_project(project) for project in PROJECTS)
    return {PAGE: page, **schemas, **entries}


def _project(project: Project) -> str:
    file = f"{project.folder}Pulumi.dev.yaml"
    return (
        f"\n## {project.title}: project `{project.name}`\n\n"
        f"Example: [{file}](../{file}). Schema: [{project.schema}](../{project.schema}).\n\n"
        + "\n".join(Tables(project).all())
    )


class Tables:
    """The tables of a project: one for each class, at the path where it comes first."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._headings: dict[Any, str] = {}
        self._pending: list[Any] = []

    def all(self) -> Iterator[str]:
        """The project's own keys, then every mapping in the order in which they name it."""
        prefix = f"{self._project.name}:"
        region = descriptions(self._project.settings)["region"]
        first = ("`aws:region`", "text", REQUIRED, region)
        keys = keys_of(self._project.settings, "region")
        yield self._table(self._project.settings, keys, prefix, first)
        while self._pending:
            kind = self._pending.pop(0)
            yield from self._section(kind, self._headings[kind])

    def _section(self, kind: Any, path: str) -> Iterator[str]:
        yield f"### `{path}`\n"
        classes = classes_of(kind)
        shared = [
            key
            for key in keys_of(classes[0])
            if all(key.name in {other.name for other in keys_of(each)} for each in classes)
            and len({type_of(each, key.field) for each in classes}) == 1
        ]
        if shared:
            yield self._text(kind) + self._table(classes[0], shared, f"{path}.")
        if len(classes) > 1:
            sections = " or ".join(f"`{section_of(each)}`" for each in classes[:-1])
            yield (
                f"And what its kind has, which {sections} says.\n"
                if shared
                else f"{sections} says which kind it is.\n"
            )
            without = "With neither" if len(classes) > 2 else f"Without {sections}"
            for each in reversed(classes):
                yield from self._alternative(each, path, {key.name for key in shared}, without)

    def _alternative(self, kind: Any, path: str, shared: set[str], without: str) -> Iterator[str]:
        section = section_of(kind)
        yield f"{f'With `{section}`' if section else without}: {_first_sentence(kind)}\n"
        keys = [key for key in keys_of(kind) if key.name not in shared]
        yield self._table(kind, keys, f"{path}.")

    def _text(self, kind: Any) -> str:
        return f"{_first_sentence(kind)}\n\n" if is_dataclass(kind) else ""

    def _table(self, owner: Any, keys: list[Key], path: str, *first: tuple[str, ...]) -> str:
        texts = descriptions(owner)
        folders = folders_of(owner)
        rows = [
            (
                f"`{path if path.endswith(':') else ''}{key.name}`",
                self._kind(key.kind, f"{path}{key.name}")
                + (", or a folder" if key.name in folders else ""),
                default_of(key),
                texts.get(key.field, ""),
            )
            for key in keys
        ]
        return table(("key", "value", "default", "meaning"), [*first, *rows])

    def _kind(self, kind: Any, path: str) -> str:
        if get_origin(kind) is tuple:
            return f"list of {self._kind(get_args(kind)[0], f'{path}[]')}"
        if get_origin(kind) is Mapping:
            return f"mapping of {self._kind(get_args(kind)[1], path)}"
        if get_origin(kind) is Literal:
            return ", ".join(f"`{option}`" for option in get_args(kind))
        if not classes_of(kind):
            return {int: "number", bool: "true or false"}.get(kind, "text")
        if kind not in self._headings:
            self._headings[kind] = path
            self._pending.append(kind)
        return f"[mapping]({anchor(self._headings[kind])})"


def type_of(owner: Any, field: str) -> Any:
    """The annotation of a class's field."""
    return next(key.kind for key in keys_of(owner) if key.field == field)


def default_of(key: Key) -> str:
    """A default as one would write it in the settings file; nothing for an empty one."""
    if key.required:
        return REQUIRED
    if key.default in (None, "", (), {}) or is_dataclass(key.default):
        return ""
    plain = list(key.default) if isinstance(key.default, tuple) else key.default
    return f"`{yaml.safe_dump(plain, default_flow_style=True, width=1000).splitlines()[0]}`"


def _first_sentence(kind: Any) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())

"""What is done to resources, each step noted in the journal.

A resource that a killed run made is handed out instead of being made twice.
"""

from collections.abc import Callable
from typing import Generic

from .journal import Journal, Made
from .resource import (
    Created,
    NotReady,
    Package,
    Properties,
    Refused,
    ResourceType,
    S,
)
from .values import DEFAULTS, changes


class JournaledResources(Generic[S]):
    """The resources of one package; remembers what can be read of them only once."""

    def __init__(self, package: Package[S], journal: Journal) -> None:
        self._package = package
        self._journal = journal
        self._once: dict[str, Properties] = {}

    def once(self, urn: str, resource_id: str) -> Properties:
        """`Created.once` of a resource, or nothing."""
        return self._once.get(_key(urn, resource_id), {})

    def left_over(self, urn: str) -> Properties:
        """The inputs of what a killed run made under this URN, or nothing."""
        left = self._journal.left_over(urn)
        return left.inputs if left else {}

    def create(self, kind: ResourceType[S], session: S, urn: str, inputs: Properties) -> Created:
        """Make a resource and note it; raise `Refused` or `NotReady`."""
        with self._journal.at_work(urn) as run:

            def note(created: Created, *, ready: bool) -> None:
                remove = self._remover(kind, session, created.resource_id, inputs)
                if created.once:
                    self._once[_key(urn, created.resource_id)] = created.once
                self._journal.made(Made(urn, created.resource_id, inputs, ready, run, remove))

            left = self._journal.left_over(urn)
            taken = self._taken(kind, session, left, inputs) if left else None
            try:
                created = taken or kind.create(session, public(inputs))
            except NotReady as error:
                note(Created(error.resource_id, error.once), ready=False)
                raise
            note(created, ready=True)
        return created

    def update(
        self,
        kind: ResourceType[S],
        session: S,
        urn: str,
        resource_id: str,
        olds: Properties,
        news: Properties,
    ) -> None:
        """Change a resource that the state records; raise `Refused` or `NotReady`."""
        with self._journal.at_work(urn):
            self._journal.touching(urn)
            kind.update(session, resource_id, olds, public(news))

    def delete(
        self, kind: ResourceType[S], session: S, urn: str, resource_id: str, state: Properties
    ) -> None:
        """Remove a resource that the state records, if it is still there; raise `Refused`."""
        with self._journal.at_work(urn):
            self._journal.touching(urn)
            kind.delete(session, resource_id, state)
            self._journal.removed(urn, resource_id)
        self._once.pop(_key(urn, resource_id), None)

    def _taken(
        self, kind: ResourceType[S], session: S, left: Made, inputs: Properties
    ) -> Created | None:
        """The left-over, brought to ``inputs``; None when it is gone or has to be another."""
        once = self.once(left.urn, left.resource_id)
        live = kind.read(session, left.resource_id, {**public(left.inputs), **once})
        if live is None:
            self._journal.removed(left.urn, left.resource_id)
            return None
        differences = list(changes(left.inputs, inputs))
        if any(change.touches(kind.replacing(session)) for change in differences):
            if kind.keeps_name(left.inputs, inputs):
                kind.delete(session, left.resource_id, live)
                self._journal.removed(left.urn, left.resource_id)
            return None
        if differences or not left.ready:
            kind.update(session, left.resource_id, live, public(inputs))
        return Created(left.resource_id, once)

    def _remover(
        self, kind: ResourceType[S], session: S, resource_id: str, inputs: Properties
    ) -> Callable[[], None]:
        def remove() -> None:
            try:
                state = kind.read(session, resource_id, public(inputs))
                if state is not None:
                    kind.delete(session, resource_id, state)
            except Refused:
                raise
            except Exception as error:
                raise Refused(self._package.explain(error) or str(error)) from error

        return remove


def public(values: Properties) -> Properties:
    """The values without that note."""
    return {name: value for name, value in values.items() if name != DEFAULTS}


def _key(urn: str, resource_id: str) -> str:
    return f"{urn.split('::')[2].rpartition('$')[2]} {resource_id}"

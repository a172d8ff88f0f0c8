"""Objects of a namespace, by a client of the cluster's administrator."""

from http import HTTPStatus
from typing import Any

from lightkube.core.exceptions import ApiError
from lightkube.resources.core_v1 import Namespace

from tests.sandbox.support.cluster import eventually


def there(session: Any, kind: Any, name: str, namespace: str | None = None) -> bool:
    try:
        session.cluster.get(kind, name, namespace=namespace)
    except ApiError as error:
        if error.status.code != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


def uids(session: Any, kind: Any, namespace: str) -> set[str]:
    return {found.metadata.uid for found in session.cluster.list(kind, namespace=namespace)}


def delete_namespace(session: Any, name: str) -> None:
    """Delete a namespace, if it is there, and wait until it is gone."""
    if there(session, Namespace, name):
        session.cluster.delete(Namespace, name)
    eventually(lambda: not there(session, Namespace, name))

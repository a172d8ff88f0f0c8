"""Service accounts with an EKS Pod Identity association, as the webhook learns of them.

EKS hands the webhook a file of them, some seconds after an association is made. Here it knows them
at once, unless a test holds the file back.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from irsa_core.identity.subjects import ServiceAccountRef

from ..serving.files import write_private

FILE = "container-credentials.json"
"""In the sandbox's folder; it has the form of ``--watch-container-credentials-config``."""


def associated(eks: Any, folder: Path) -> frozenset[ServiceAccountRef]:
    """Return the service accounts of the file, or of all associations while there is no file.

    ``eks`` is a boto3 client.
    """
    with suppress(FileNotFoundError):
        document = json.loads((folder / FILE).read_text())
        return frozenset(map(_account, document["identities"]))
    pages = eks.get_paginator("list_pod_identity_associations").paginate
    return frozenset(
        _account(association)
        for cluster in eks.list_clusters()["clusters"]
        for page in pages(clusterName=cluster)
        for association in page["associations"]
    )


@contextmanager
def held_back(eks: Any, folder: Path) -> Iterator[None]:
    """Hide changes of associations from the webhook for the time of the context."""
    identities = [
        {"namespace": account.namespace, "serviceAccount": account.name}
        for account in sorted(associated(eks, folder))
    ]
    write_private(folder / FILE, json.dumps({"identities": identities}).encode())
    try:
        yield
    finally:
        (folder / FILE).unlink(missing_ok=True)


def _account(each: Any) -> ServiceAccountRef:
    return ServiceAccountRef(each["namespace"], each["serviceAccount"])

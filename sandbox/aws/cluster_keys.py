"""The key set of the cluster, which is its issuer's."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from irsa.identity.errors import issuer_unreachable

KeySet = Mapping[str, Any]


class ClusterKeys:
    """The key set, fetched when it is needed."""

    def __init__(self, issuer_url: str, fetch: Callable[[], KeySet]) -> None:
        self.issuer_url = issuer_url
        self._fetch = fetch
        self._keys: KeySet = {"keys": []}

    async def with_key(self, key_id: object) -> KeySet:
        """The key set, fetched again when a token names a key that is not in it."""
        if all(key.get("kid") != key_id for key in self._keys["keys"]):
            try:
                self._keys = await asyncio.to_thread(self._fetch)
            except Exception as error:
                raise issuer_unreachable() from error
        return self._keys

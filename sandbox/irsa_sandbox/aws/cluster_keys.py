"""The key sets of issuers: the cluster's own, and those that other clusters have published."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from irsa.identity.errors import issuer_unreachable

KeySet = Mapping[str, Any]


class ClusterKeys:
    """The key sets, fetched when they are needed."""

    def __init__(self, issuer_url: str, fetch: Callable[[], KeySet], published: Path) -> None:
        """``published`` has a file for each further issuer, which has its URL as name, quoted."""
        self.issuer_url = issuer_url
        self._fetch = fetch
        self._published = published
        self._keys: KeySet = {"keys": []}

    def reaches(self, issuer_url: str) -> bool:
        """Return whether the issuer's key set can be fetched."""
        return issuer_url == self.issuer_url or self._file(issuer_url).is_file()

    async def of_issuer(self, issuer_url: str, key_id: object) -> KeySet:
        """The key set of an issuer that can be reached."""
        if issuer_url == self.issuer_url:
            return await self.with_key(key_id)
        return json.loads(await asyncio.to_thread(self._file(issuer_url).read_text))

    def _file(self, issuer_url: str) -> Path:
        return self._published / f"{quote(issuer_url, safe='')}.json"

    async def with_key(self, key_id: object) -> KeySet:
        """The key set, fetched again when a token names a key that is not in it."""
        if all(key.get("kid") != key_id for key in self._keys["keys"]):
            try:
                self._keys = await asyncio.to_thread(self._fetch)
            except Exception as error:
                raise issuer_unreachable() from error
        return self._keys

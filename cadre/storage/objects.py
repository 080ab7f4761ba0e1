"""The object store: a local directory by default, a bucket by URL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

# In a local directory such a small object is read or written within a fifth of a millisecond.
# Handing it to a thread takes more CPU than that, most of it in waking threads up.
SMALL_BYTES = 64 * 1024


class Objects:
    """Bytes, text and JSON by key. A put is atomic: a reader sees the old value or the new."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._local = isinstance(store, LocalStore)

    @classmethod
    def open(cls, url: str) -> Objects:
        """Open `url`: `file:///path`, or whatever obstore knows (`s3://`, `gs://`, `az://`)."""
        if url.startswith("file://"):
            return cls(LocalStore(prefix=Path(url.removeprefix("file://")), mkdir=True))
        return cls(from_url(url))

    async def put(self, key: str, data: bytes | str) -> None:
        """Store `data` under `key`, replacing what was there."""
        await self._put(key, data, "overwrite")

    async def put_new(self, key: str, data: bytes | str) -> bool:
        """Store `data` unless `key` exists; whether it was stored."""
        try:
            await self._put(key, data, "create")
        except AlreadyExistsError:
            return False
        return True

    async def _put(self, key: str, data: bytes | str, mode: Literal["create", "overwrite"]) -> None:
        encoded = data.encode() if isinstance(data, str) else data
        if self._local and len(encoded) <= SMALL_BYTES:
            obstore.put(self._store, key, encoded, mode=mode, use_multipart=False)
        else:
            await obstore.put_async(self._store, key, encoded, mode=mode)

    async def get(self, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        try:
            if self._local:
                result = obstore.get(self._store, key)
            else:
                result = await obstore.get_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return None
        if self._local and result.meta["size"] <= SMALL_BYTES:
            return bytes(result.bytes())
        return bytes(await result.bytes_async())

    async def folders(self, prefix: str) -> list[str]:
        """The names right under `prefix` that other keys go on from, in order."""
        found = await obstore.list_with_delimiter_async(self._store, prefix)
        return sorted(path.rpartition("/")[2] for path in found["common_prefixes"])

    async def put_json(self, key: str, value: Any) -> None:
        """Store `value` as JSON."""
        await self.put(key, _dumped(value))

    async def put_new_json(self, key: str, value: Any) -> bool:
        """Store `value` as JSON unless `key` exists; whether it was stored."""
        return await self.put_new(key, _dumped(value))

    async def get_json(self, key: str) -> Any:
        """The JSON value under `key`, or None."""
        data = await self.get(key)
        return None if data is None else json.loads(data)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

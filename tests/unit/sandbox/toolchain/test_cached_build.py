"""Tools in the cache are made once for each version of their sources."""

from pathlib import Path

import pytest

from sandbox.toolchain.cached_build import cached_build, key


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_tool_is_made_once():
    calls: list[Path] = []

    assert cached_build("tool-1", calls.append) == cached_build("tool-1", calls.append)

    assert len(calls) == 1


def test_other_sources_are_another_tool(tmp_path):
    (tmp_path / "tool").mkdir()
    sources = tmp_path / "tool"
    (sources / "go.sum").write_text("one")
    before = key(sources, "1.0")

    (sources / "go.sum").write_text("two")

    assert before.startswith("tool-1.0-")
    assert key(sources, "1.0") != before
    (sources / "go.sum").write_text("one")
    assert key(sources, "1.0") == before

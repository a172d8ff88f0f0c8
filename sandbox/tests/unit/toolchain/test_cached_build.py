"""Tools in the cache are those of their sources."""

from irsa_sandbox.toolchain.cached_build import key


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

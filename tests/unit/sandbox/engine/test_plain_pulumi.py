"""When the sandbox's Pulumi CLI belongs on PATH."""

import pytest

from sandbox.engine.plain_pulumi import LANGUAGE_HOST, folder_for_path, lacks_host


@pytest.fixture
def program(tmp_path):
    """Make a program in a folder, and give the folder."""

    def make(folder: str, name: str):
        file = tmp_path / folder / name
        file.parent.mkdir(exist_ok=True)
        file.touch(0o700)
        return file.parent

    return make


@pytest.mark.parametrize(
    ("beside", "on_path", "own_cli", "put", "lacks"),
    [
        (False, False, False, False, True),
        (True, False, False, True, False),
        (False, True, False, True, False),
        (False, False, True, False, False),
        (True, True, True, False, False),
    ],
    ids=["none", "host-beside", "host-on-path", "own-cli", "own-cli-and-host"],
)
def test_f4_pulumi_goes_on_path_only_with_a_language_host(
    program, beside, on_path, own_cli, put, lacks
):
    tools = program("tools", "pulumi")
    path = program("path", "aws")
    if beside:
        program("tools", LANGUAGE_HOST)
    if on_path:
        program("path", LANGUAGE_HOST)
    if own_cli:
        program("path", "pulumi")

    assert folder_for_path(tools / "pulumi", str(path)) == (tools if put else None)
    assert lacks_host(tools / "pulumi", str(path)) == lacks

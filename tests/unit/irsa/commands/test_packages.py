"""Commands whose optional packages are missing, and whose reader has gone."""

import subprocess
import sys

import pytest

from irsa.__main__ import main


@pytest.mark.parametrize(
    ("missing", "package"), [("lightkube", "lightkube"), ("boto3", "boto3"), ("yaml", "pyyaml")]
)
def test_a_missing_package_is_one_line_with_the_way_to_install_it(
    monkeypatch, capsys, missing, package
):
    def gone(_arguments):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=f"{missing}.core")

    monkeypatch.setattr("irsa.commands.verify.main", gone)

    assert main(["verify", "dev/s3-app"]) == 2

    assert capsys.readouterr().err == (
        "irsa: verify needs a package that is not installed; run "
        f"`pip install {package}`, or take all of requirements-dev.txt\n"
    )


def test_a_defect_of_our_own_is_not_taken_for_a_missing_package(monkeypatch):
    def broken(_arguments):
        raise ModuleNotFoundError("No module named 'irsa.lnks'", name="irsa.lnks")

    monkeypatch.setattr("irsa.commands.verify.main", broken)

    with pytest.raises(ModuleNotFoundError):
        main(["verify", "dev/s3-app"])


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m irsa doctor ExpiredTokenException | true"

    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True)

    assert done.returncode in (0, 141)  # 0 when the output was written before `true` ended
    assert done.stderr == b""

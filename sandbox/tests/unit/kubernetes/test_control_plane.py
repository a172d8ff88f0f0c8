"""Starts that fail, with shell scripts in the place of the programs. Real ones: tests/sandbox."""

import os
import signal

import pytest

from irsa_sandbox.kubernetes.control_plane import ControlPlane, NotStarted
from irsa_sandbox.serving.certificates import Authority
from tests.sandbox.support.cluster import eventually

LISTENS = "touch etcd:1; echo $$ > etcd.pid; exec sleep 1000"


@pytest.fixture
def control_plane(tmp_path):
    """A control plane of scripts, by program."""

    def make(**scripts: str) -> ControlPlane:
        binaries = tmp_path / "bin"
        binaries.mkdir(exist_ok=True)
        for name, script in scripts.items():
            program = binaries / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o700)
        return ControlPlane(
            folder=tmp_path / "state",
            binaries=binaries,
            authority=Authority.create(tmp_path / "authority"),
            issuer_url="https://oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE",
        )

    return make


def refusal(plane: ControlPlane) -> str:
    with pytest.raises(NotStarted) as raised:
        plane.start()
    return str(raised.value)


def test_a_program_that_does_not_start_is_named_in_one_line(control_plane):
    plane = control_plane()
    plane.stop()  # what never ran
    assert refusal(plane).endswith("/bin/etcd does not exist; put etcd there")

    ends = {
        "echo starting; echo 'unknown flag: --x' >&2; exit 3": ("3", ": unknown flag: --x"),
        "touch etcd:1; sleep 0.2; exit 4": ("4", ""),  # while the API server starts
    }
    for etcd, (code, words) in ends.items():
        plane = control_plane(etcd=etcd, kube_apiserver="exec sleep 1000")
        log = plane.folder / "logs" / "etcd.log"
        assert refusal(plane).startswith(f"etcd ended with code {code} (log: {log}){words}")


def test_a_failed_start_leaves_no_process(control_plane):
    plane = control_plane(etcd=LISTENS, kube_apiserver="exit 1")
    assert refusal(plane).startswith("kube-apiserver ended with code 1 ")
    etcd = int((plane.folder / "etcd.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(etcd, 0)


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "kube-controller-manager"])
def test_a_process_that_is_killed_is_named(control_plane, name):
    plane = control_plane(etcd="", kube_apiserver="", kube_controller_manager="")
    plane._prepare()
    for each in ("etcd", "kube-apiserver", "kube-controller-manager"):
        (plane._binaries / each).write_text("#!/bin/sh\necho $$ > $0.pid; exec sleep 1000\n")
        plane._launch(each)
    pid_file = plane._binaries / f"{name}.pid"
    eventually(lambda: pid_file.exists() and pid_file.read_text())
    try:
        assert plane.ended() is None
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        log = plane.folder / "logs" / f"{name}.log"
        assert eventually(plane.ended) == f"{name} was killed by signal 9 (log: {log})"
    finally:
        plane.stop()


def test_what_an_earlier_run_left_is_removed_and_the_folder_is_private(control_plane):
    plane = control_plane(etcd="echo $(ls); exit 1")
    (plane.folder / "etcd-data").mkdir(parents=True)
    (plane.folder / "etcd:1").touch()
    plane.folder.chmod(0o755)
    assert refusal(plane).endswith(": kubeconfig logs service-accounts-key.pem tokens.csv")
    assert plane.folder.stat().st_mode & 0o777 == 0o700


def test_the_callers_environment_does_not_reach_the_programs(control_plane, monkeypatch):
    for name in ("ETCD_NAME", "HTTPS_PROXY", "KUBECONFIG", "GODEBUG"):
        monkeypatch.setenv(name, "the caller's")
    plane = control_plane(etcd="env; exit 1")
    refusal(plane)
    names = {
        line.partition("=")[0]
        for line in (plane.folder / "logs" / "etcd.log").read_text().splitlines()
    }
    assert names - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "HOME"}

"""Starting, finding, stopping and losing a sandbox."""

import os
import shlex
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from irsa_sandbox import lifecycle
from irsa_sandbox.aws.accounts import ADMINISTRATOR
from irsa_sandbox.folder import is_held
from irsa_sandbox.state import LOG_FILE, STATE_FILE, SandboxError, load
from tests.sandbox.support.command import SANDBOX, sandbox, started

pytestmark = pytest.mark.sandbox

SECRETS = ("key", "token", "state.json", "kubeconfig", "authenticator.yaml")


def group(pid: int) -> list[str]:
    """The commands of a process group."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [args for pgid, state, args in rows if int(pgid) == pid and not state.startswith("Z")]


def wait_until(is_so, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def interrupted(seconds: float, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command and press Ctrl-C in its terminal."""
    with started(*arguments) as process:
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, output)


def test_a_second_up_finds_the_first(session):
    again = lifecycle.up(session.state.path, print)

    assert again == session.state


def test_two_ups_at_the_same_time_share_one_sandbox(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: lifecycle.up(tmp_path, print), range(2))
    try:
        assert first == second
    finally:
        assert lifecycle.down(tmp_path)


def test_a_killed_sandbox_leaves_no_process_and_is_replaced(tmp_path):
    killed = lifecycle.up(tmp_path, print)
    leader = os.getpgid(killed.pid)
    assert any("kube-apiserver" in command for command in group(leader))
    left_over = tmp_path / "pulumi" / "left-over"
    left_over.touch()

    os.kill(killed.pid, signal.SIGKILL)

    assert wait_until(lambda: group(leader) == []), group(leader)
    with pytest.raises(SandboxError, match="no sandbox runs in"):
        load(tmp_path)
    fresh = lifecycle.up(tmp_path, print)
    try:
        assert fresh.issuer_url != killed.issuer_url
        assert not left_over.exists()
    finally:
        assert lifecycle.down(tmp_path)


def test_down_stops_everything_and_says_when_there_was_nothing(tmp_path):
    state = lifecycle.up(tmp_path, print)
    leader = os.getpgid(state.pid)

    assert lifecycle.down(tmp_path)

    assert wait_until(lambda: group(leader) == []), group(leader)
    assert not lifecycle.down(tmp_path)


def test_ctrl_c_cancels_a_start_and_the_next_one_works(tmp_path):
    folder = ["--folder", str(tmp_path)]
    # While modules load, while the supervisor's do, and while etcd and the API server start.
    for seconds in (0.1, 0.4, 0.9, 1.4, 1.9, 2.4):
        done = interrupted(seconds, "up", *folder)
        if done.returncode == 0:
            break  # a fast machine: it had started
        assert done.returncode in (130, -signal.SIGINT)
        assert "Traceback" not in done.stdout
        assert not is_held(tmp_path)
        log = tmp_path / LOG_FILE
        assert not log.exists() or "Traceback" not in log.read_text()

    assert sandbox("up", *folder).returncode == 0
    assert sandbox("down", *folder).stdout == "stopped\n"


def test_a_start_ends_with_its_starter(tmp_path):
    command = [*SANDBOX, "up", "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=lifecycle.ROOT, stderr=subprocess.DEVNULL) as starter:
        assert wait_until((tmp_path / LOG_FILE).exists)
        starter.kill()

    assert wait_until(lambda: not is_held(tmp_path))
    assert not (tmp_path / STATE_FILE).exists()


def test_a_sandbox_ends_when_a_part_of_it_dies(tmp_path):
    before = lifecycle.up(tmp_path, print)
    leader = os.getpgid(before.pid)
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pgid=,pid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    [pid] = [pid for pgid, pid, args in rows if int(pgid) == leader and "/kube-apiserver " in args]

    os.kill(int(pid), signal.SIGKILL)

    assert wait_until(lambda: group(leader) == []), group(leader)
    folder = ["--folder", str(tmp_path)]
    for command in (["status"], ["exec", "dev/s3-app", "--", "true"], ["stack", "preview"]):
        done = sandbox(command[0], *folder, *command[1:])
        log = tmp_path / "kubernetes" / "logs" / "kube-apiserver.log"
        assert done.returncode == 1
        assert done.stderr == (
            f"sandbox: the sandbox in {tmp_path} ended: kube-apiserver was killed by signal 9 "
            f"(log: {log}); `python -m irsa_sandbox up --folder {tmp_path}` starts a new one\n"
        )
    after = lifecycle.up(tmp_path, print)
    try:
        assert after.issuer_url != before.issuer_url
        assert load(tmp_path) == after
    finally:
        assert lifecycle.down(tmp_path)


def test_a_failed_start_is_one_line(tmp_path, monkeypatch):
    broken = tmp_path / "tools"
    broken.mkdir()
    for name in ("etcd", "kube-apiserver", "kube-controller-manager"):
        (broken / name).write_text("#!/bin/sh\necho this is no etcd >&2\nexit 1\n")
        (broken / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(broken))

    with pytest.raises(SandboxError, match=r"did not start: .*this is no etcd") as raised:
        lifecycle.up(tmp_path / "state", print)

    assert "\n" not in str(raised.value)


def test_files_with_secrets_are_for_their_owner_only(session):
    folder = session.state.path
    private = [
        file
        for file in folder.rglob("*")
        if file.is_file()
        and any(word in file.name for word in SECRETS)
        and file.suffix != ".log"  # Pulumi names its logs after projects, such as access-key
    ]

    assert {"state.json", "kubeconfig"} <= {file.name for file in private}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [f for f in private if f.stat().st_mode & 0o077] == []


def socket_inodes(pids: list[str]) -> Iterator[str]:
    """Yield the inodes of the sockets of processes, as Linux's tables name them."""
    for link in (link for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir()):
        with suppress(FileNotFoundError):  # closed meanwhile, as a connection may be
            if str(link.readlink()).startswith("socket:"):
                yield str(link.readlink()).removeprefix("socket:[").removesuffix("]")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_everything_listens_on_loopback_only(session):
    leader = os.getpgid(session.state.pid)
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pgid=,pid="], capture_output=True, text=True, check=True
    )
    pids = [pid for pgid, pid in map(str.split, listed.stdout.splitlines()) if int(pgid) == leader]
    inodes = set(socket_inodes(pids))
    listening = [
        fields[1].partition(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and fields[9] in inodes
    ]

    assert len(listening) >= 6
    # 127.0.0.1 as the kernel writes it, and the same address on a socket of both families.
    assert set(listening) <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_the_command_line_speaks_in_exit_codes(session, tmp_path):
    folder = ["--folder", str(session.state.path)]

    status = sandbox("status", *folder)
    assert (status.returncode, session.state.issuer_url in status.stdout) == (0, True)
    assert session.state.secret_access_key not in status.stdout

    nothing = sandbox("status", "--folder", str(tmp_path / "none"))
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("sandbox: no sandbox runs in ")

    assert sandbox("fly").returncode == 2


@pytest.mark.parametrize("command", ["env", "status", "env --output json", "--help"])
def test_a_closed_pipe_is_no_error(session, command):
    name, *options = command.split()
    folder = [] if name == "--help" else ["--folder", str(session.state.path)]
    line = shlex.join([*SANDBOX, name, *folder, *options])

    done = subprocess.run(
        ["sh", "-c", f"{line} | true"],
        cwd=lifecycle.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""


def test_the_sandboxs_own_tools_are_found_first(session, monkeypatch, tmp_path):
    """A machine need not have an AWS CLI, and not every AWS CLI and Pulumi CLI will do."""
    for name in ("aws", "pulumi"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 9\n")
        (tmp_path / name).chmod(0o700)
    (tmp_path / "json.py").write_text("the AWS CLI must not import it")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    where = ["--folder", str(session.state.path)]
    script = "pulumi whoami --verbose --non-interactive && aws sts get-caller-identity"

    ran = sandbox("run", *where, "--", "sh", "-c", f"cd {tmp_path} && {script}")
    env = sandbox("env", *where)
    shell = subprocess.run(
        ["sh", "-ec", f"{env.stdout}\n{script}"], capture_output=True, text=True, check=False
    )

    for done in (ran, shell):
        assert (done.returncode, env.stderr) == (0, ""), done.stderr
        assert f"file://{session.state.path}/pulumi" in done.stdout
        assert f":user/{ADMINISTRATOR}" in done.stdout

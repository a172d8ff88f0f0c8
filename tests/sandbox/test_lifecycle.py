"""Starting, finding, stopping and losing a sandbox."""

import os
import shlex
import shutil
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from irsa.commands.terminal import SIGNALS
from irsa_sandbox import lifecycle
from irsa_sandbox.folder import is_held
from irsa_sandbox.state import LOG_FILE, STATE_FILE, SandboxError, load
from tests.sandbox.support.cluster import eventually
from tests.sandbox.support.command import SANDBOX, sandbox, started
from tests.support.processes import command_lines, program, ran
from tests.support.refusal import refusal

SECRETS = ("key", "token", "state.json", "kubeconfig", "authenticator.yaml")


def processes(leader: int) -> list[tuple[int, str]]:
    """The ids and commands of a process group."""
    listed = ran("ps", "-A", "-ww", "-o", "pgid=,pid=,stat=,args=", check=True)
    rows = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    own = [row for row in rows if int(row[0]) == leader and not row[2].startswith("Z")]
    return [(int(pid), args) for _, pid, _, args in own]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a sandbox that these tests end and start again."""
    made = tmp_path_factory.mktemp("lifecycle")
    yield made
    lifecycle.down(made)


@pytest.fixture(scope="module")
def lines(folder):
    """The lines of a start."""
    lifecycle.down(folder)
    told: list[str] = []
    lifecycle.up(folder, told.append)
    return told


def test_two_ups_at_the_same_time_share_one_sandbox(folder):
    lifecycle.down(folder)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: lifecycle.up(folder, print), range(2))

    assert first == second == lifecycle.up(folder, print)


def test_a_killed_sandbox_leaves_no_process_and_is_replaced_as_after_a_down(folder):
    running = lifecycle.up(folder, print)
    leader, left_over = os.getpgid(running.pid), folder / "pulumi" / "left-over"
    assert "kube-apiserver" in str([*processes(leader)])
    left_over.touch()

    os.kill(running.pid, signal.SIGKILL)

    eventually(lambda: not processes(leader))
    with pytest.raises(SandboxError, match="no sandbox runs in"):
        load(folder)
    fresh = lifecycle.up(folder, print)
    assert fresh.issuer_url != running.issuer_url
    assert not left_over.exists()
    leader = os.getpgid(fresh.pid)
    assert lifecycle.down(folder)
    eventually(lambda: not processes(leader))
    assert not lifecycle.down(folder), "nothing is left to stop"


def test_a_sandbox_ends_when_a_part_of_it_dies(folder):
    leader = os.getpgid(lifecycle.up(folder, print).pid)
    [pid] = [pid for pid, args in processes(leader) if "/kube-apiserver " in args]

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: not processes(leader))
    log = folder / "kubernetes" / "logs" / "kube-apiserver.log"
    for command in (["status"], ["exec", "dev/s3-app", "--", "true"], ["stack", "preview"]):
        done = sandbox(command[0], "--folder", str(folder), *command[1:])
        assert done.returncode == 1
        assert done.stderr == (
            f"sandbox: the sandbox in {folder} ended: kube-apiserver was killed by signal 9 "
            f"(log: {log}); `python -m irsa_sandbox up --folder {folder}` starts a new one\n"
        )


def test_a_start_is_interrupted_at_each_line_and_the_next_one_works(folder, lines):
    # Beside the lines: while modules load.
    for line, sign in zip(["", *lines], [*SIGNALS, signal.SIGKILL], strict=True):
        lifecycle.down(folder)
        with started("up", "--folder", str(folder)) as process:
            output = next(told for told in process.stdout if line in told) if line else ""
            os.killpg(process.pid, sign)
            output += process.communicate()[0]
        assert process.returncode in (128 + sign, -sign)
        assert eventually(lambda: str(folder) not in command_lines())
        log = (folder / LOG_FILE).read_text() if line else ""
        assert "Traceback" not in output + log
        assert not is_held(folder)
        assert not line or not (folder / STATE_FILE).exists()

    assert sandbox("up", "--folder", str(folder)).returncode == 0
    assert sandbox("down", "--folder", str(folder)).stdout == "stopped\n"


def remove(folder: Path) -> None:
    """Remove a folder to which processes write meanwhile."""
    eventually(lambda: shutil.rmtree(folder, ignore_errors=True) or not folder.exists())


def test_a_sandbox_ends_with_its_folder_and_leaves_a_later_one_alone(folder, lines):
    leader = os.getpgid(lifecycle.up(folder, print).pid)
    remove(folder)
    fresh = lifecycle.up(folder, print)
    assert eventually(lambda: not processes(leader))
    assert lifecycle.up(folder, print) == fresh
    for line in lines:  # during the start
        lifecycle.down(folder)
        with pytest.raises(SandboxError, match="its folder was removed"):
            lifecycle.up(folder, lambda told, line=line: told == line and remove(folder))
        assert eventually(lambda: str(folder) not in command_lines())
        remove(folder)  # with what a process has written to it while it ended


def test_a_failed_start_is_one_line(tmp_path, monkeypatch):
    broken = tmp_path / "tools"
    for name in ("etcd", "kube-apiserver", "kube-controller-manager"):
        program(broken / name, "echo this is no etcd >&2\nexit 1")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(broken))

    line = refusal(lifecycle.up, tmp_path / "state", print, raised=SandboxError)
    assert "this is no etcd" in line.partition("did not start: ")[2]


def test_files_with_secrets_are_for_their_owner_only(session):
    folder = session.state.path
    files = [file for file in folder.rglob("*") if file.is_file()]
    # Pulumi names its logs after projects, such as access-key.
    named = [file for file in files if any(word in file.name for word in SECRETS)]
    private = [file for file in named if file.suffix != ".log"]

    assert {"state.json", "kubeconfig"} <= {file.name for file in private}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [f for f in private if f.stat().st_mode & 0o077] == []


def socket_inodes(pid):
    """Yield the inodes of the sockets of a process, as Linux's tables name them."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as a connection may be
            if str(link.readlink()).startswith("socket:"):
                yield str(link.readlink()).removeprefix("socket:[").removesuffix("]")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_everything_listens_on_loopback_only(session):
    leader = os.getpgid(session.state.pid)
    inodes = {inode for pid, _ in processes(leader) for inode in socket_inodes(pid)}
    listening = [
        fields[1].partition(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and fields[9] in inodes
    ]

    assert len(listening) >= 6
    # 127.0.0.1 as the kernel writes it, and the same address on a socket of both families.
    assert set(listening) <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_a_status_and_a_closed_pipe(session):
    folder = ["--folder", str(session.state.path)]
    status = sandbox("status", *folder)
    assert status.returncode == 0
    assert session.state.issuer_url in status.stdout
    assert session.state.secret_access_key not in status.stdout

    line = f"{shlex.join([*SANDBOX, 'env', *folder])} | true"
    assert ran("sh", "-c", line, cwd=lifecycle.ROOT).stderr == ""

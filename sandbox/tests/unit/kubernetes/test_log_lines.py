"""The line of a log that is shown. The logs are shortened ones of real programs."""

import pytest

from irsa_sandbox.kubernetes.log_lines import LONGEST, telling

PANIC = """\
{"level":"warn","msg":"failed to write","error":"no space left on device"}
panic: failed to update; member in bad state

goroutine 104 [running]:
go.uber.org/zap/zapcore.CheckWriteAction.OnWrite(0x1?, 0x2?, {0x0?, 0x0?, 0xc0000124e0?})
\tgo.uber.org/zap@v1.27.0/zapcore/entry.go:196 +0x54
created by go.etcd.io/etcd/server/v3/etcdserver.(*raftNode).start in goroutine 1
\tgo.etcd.io/etcd/server/v3/etcdserver/raft.go:180 +0xad
rax    0x0
rip    0x47b4e1
exit status 2
"""


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("starting\nunknown flag: --x\n", "unknown flag: --x"),
        (
            "accept: too many open files; retrying\nlast words\n",
            "accept: too many open files; retrying",
        ),
        ("bind: address already in use\nmain.main()\n\tx.go:1\n", "bind: address already in use"),
        (PANIC, "failed to write (error: no space left on device)"),
        ('{"msg": "limit is too low", "limit": 128, "ts": 1}', "limit is too low (limit: 128)"),
        ('{"msg": "bye", "stacktrace": "f()"}', "bye"),
        ('{"no": "message"}', '{"no": "message"}'),
        ("[1]", "[1]"),
        (PANIC.partition("\n")[2], "panic: failed to update; member in bad state"),
        ("\tonly.go:1 +0x1\n", "only.go:1 +0x1"),
        ("", "its log is empty"),
        ("two   words\twith\ttabs\n", "two words with tabs"),
    ],
)
def test_the_line_that_tells_most_is_shown(log, line):
    assert telling(log) == line


def test_a_long_line_is_cut_around_its_cause():
    shown = telling(f"{'a' * 1000} no space left on device {'b' * 1000}")

    assert "no space left on device" in shown
    assert len(shown) <= LONGEST + 1
    assert telling("a" * 1000) == "…" + "a" * LONGEST

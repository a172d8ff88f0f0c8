"""The line of a log that is shown. The logs are shortened ones of real programs."""

import pytest

from irsa_sandbox.kubernetes.log_lines import LONGEST, telling

PANIC = """\
{"level":"warn","msg":"failed to write","error":"no space left on device"}
panic: failed to update; member in bad state

goroutine 104 [running]:
\tgo.uber.org/zap@v1.27.0/zapcore/entry.go:196 +0x54
created by go.etcd.io/etcd/server/v3/etcdserver.(*raftNode).start in goroutine 1
rax    0x0
exit status 2
"""
FULL = "no space left on device"
BUSY = "accept: too many open files; retrying"


@pytest.mark.cases(("log", "line"), {
    "unknown flag": ("starting\nunknown flag: --x\n", "unknown flag: --x"),
    "error before last words": (f"{BUSY}\nlast words\n", BUSY),
    "error before a trace": ("bind: address already in use\nmain.main()\n\tx.go:1\n",
        "bind: address already in use"),
    "panic in JSON": (PANIC, "failed to write (error: no space left on device)"),
    "JSON with a limit": ('{"msg": "limit is too low", "limit": 128, "ts": 1}',
        "limit is too low (limit: 128)"),
    "JSON with a trace": ('{"msg": "bye", "stacktrace": "f()"}', "bye"),
    "fatal error before a note": (
        '{"level":"fatal","msg":"no"}\n{"level":"info","msg":"notified init daemon"}', "no"),
    "last error of klog": ("E1201 9:12 run.go:72] a\nE1201 b\nI1201 c\nbye\n", "E1201 b"),
    "JSON without a message": ('{"no": "message"}', '{"no": "message"}'),
    "panic": (PANIC.partition("\n")[2], "panic: failed to update; member in bad state"),
    "trace alone": ("\tonly.go:1 +0x1\n", "only.go:1 +0x1"),
    "empty": ("", "its log is empty"),
    "spaces and tabs": ("two   words\twith\ttabs\n", "two words with tabs"),
    "long line": ("a" * 1000, "…" + "a" * LONGEST),
    "error in a long line": (f"{'a' * 1000} {FULL} {'b' * 1000}",
        f"…{'a' * 149} {FULL} {'b' * 126}"),
})  # fmt: skip
def test_the_line_that_tells_most_is_shown(log, line):
    assert telling(log) == line

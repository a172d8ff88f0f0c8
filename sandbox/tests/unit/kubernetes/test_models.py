"""Models of lightkube that several threads use first, in a process of their own."""

import subprocess
import sys

import pytest

from tests.support.trial_pods import kubeconfig


@pytest.mark.parametrize(
    ("prepare", "use"),
    [
        (
            "from irsa_sandbox.kubernetes.control_plane import prepare_models; prepare_models()",
            "Pod.from_dict({'spec': {'containers': [{'name': 'a'}]}})",
        ),
        (
            "from irsa.observe.trial_pods import check_command",
            f"check_command({kubeconfig(token='t')!r})",
        ),
    ],
    ids=["sandbox", "trial Pods"],
)
def test_threads_that_first_use_a_model_at_the_same_time_do_not_crash(prepare: str, use: str):
    script = f"""
import threading
from lightkube.resources.core_v1 import Pod
{prepare}
barrier = threading.Barrier(8)
threads = [threading.Thread(target=lambda: (barrier.wait(), {use})) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

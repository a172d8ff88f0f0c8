"""Models of lightkube that several threads use first, in processes of their own."""

import subprocess
import sys

import pytest

FIRST_USE = """
import threading
from lightkube.resources.core_v1 import Pod
{prepare}
barrier = threading.Barrier(8)

def use():
    barrier.wait()
    {use}

threads = [threading.Thread(target=use) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""
PREPARE = "from irsa_sandbox.kubernetes.models import prepare_models; prepare_models()"
POD = 'Pod.from_dict({"metadata": {"name": "app"}, "spec": {"containers": [{"name": "app"}]}})'
TRIALS = "from irsa.observe.trial_pods import check_command"
CONFIG = """check_command('{"current-context": "a", \
"users": [{"name": "a", "user": {"token": "t"}}], \
"clusters": [{"name": "a", "cluster": {"server": "https://a"}}], \
"contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}]}')"""


@pytest.mark.parametrize(("prepare", "use"), [(PREPARE, POD), (TRIALS, CONFIG)])
def test_threads_that_first_use_a_model_at_the_same_time_do_not_crash(prepare: str, use: str):
    script = FIRST_USE.format(prepare=prepare, use=use)

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")

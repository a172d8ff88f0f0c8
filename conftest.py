"""Settings of all tests. The caller's AWS, Pulumi and Kubernetes settings reach none of them."""

import os
import signal
from importlib.util import find_spec

from hypothesis import settings

# Ids of parametrized cases.
pytest_plugins = ["tests.support.case_ids"]

# A part's own tests need the other parts no more than the part does.
if find_spec("irsa_sandbox"):
    from irsa_sandbox.environment_variables import clean

    clean(os.environ)
    pytest_plugins += ["tests.support.running"]

# A shell's background job ignores Ctrl-C, and what `nohup` starts a closed terminal; so would the
# processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Hypothesis' own profile for machines that are busy with other things: no deadline for an example,
# and no health check of how long one takes to make up.
settings.register_profile("busy", settings.get_profile("ci"), derandomize=False)
settings.load_profile("busy")

"""What all tests share: nothing of the caller's AWS, Pulumi or Kubernetes reaches them."""

import os

from hypothesis import settings

from sandbox.environment_variables import clean

clean(os.environ)

# Hypothesis' own profile for machines that are busy with other things: no deadline for an example,
# and no health check of how long one takes to make up.
settings.register_profile("busy", settings.get_profile("ci"), derandomize=False)
settings.load_profile("busy")

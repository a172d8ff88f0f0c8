"""What all tests share: nothing of the caller's AWS, Pulumi or Kubernetes reaches them (H4)."""

import os

from sandbox.environment_variables import clean

clean(os.environ)

"""What all tests share: nothing of the caller's AWS, Pulumi or Kubernetes reaches them (H4)."""

import os

from sandbox.variables import clean

clean(os.environ)

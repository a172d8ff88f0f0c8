"""`components.workload` by its installed name."""

from components.workload import *

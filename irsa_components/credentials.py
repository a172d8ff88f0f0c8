"""`components.credentials` by its installed name."""

from components.credentials import *

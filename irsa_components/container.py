"""`components.container` by its installed name."""

from components.container import *

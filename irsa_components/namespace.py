"""`components.namespace` by its installed name."""

from components.namespace import *

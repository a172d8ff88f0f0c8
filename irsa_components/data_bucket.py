"""`components.data_bucket` by its installed name."""

from components.data_bucket import *

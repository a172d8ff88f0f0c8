"""`components.access_key_user` by its installed name."""

from components.access_key_user import *

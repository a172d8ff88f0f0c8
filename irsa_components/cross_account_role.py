"""`components.cross_account_role` by its installed name."""

from components.cross_account_role import *

"""`components.service_account_role` by its installed name."""

from components.service_account_role import *

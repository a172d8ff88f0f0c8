from components.cross_account_role import *

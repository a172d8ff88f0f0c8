from components.service_account_role import *

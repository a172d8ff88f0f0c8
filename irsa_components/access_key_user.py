from components.access_key_user import *

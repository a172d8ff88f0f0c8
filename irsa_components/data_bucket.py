from components.data_bucket import *

from components.credentials import *

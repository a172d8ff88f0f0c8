from components.namespace import *

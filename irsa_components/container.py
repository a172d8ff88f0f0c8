from components.container import *

from components.workload import *

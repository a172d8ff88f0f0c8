from components.eks_cluster import *

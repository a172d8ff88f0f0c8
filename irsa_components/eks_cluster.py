"""`components.eks_cluster` by its installed name."""

from components.eks_cluster import *

from components.pod_identity_association import *

import pulumi

from irsa_components.pod_identity_association import (
    PodIdentityAssociation,
    PodIdentityAssociationArgs,
)

association = PodIdentityAssociation(
    "reports",
    PodIdentityAssociationArgs(
        cluster_arn="arn:aws:eks:eu-west-1:111122223333:cluster/dev",
        namespace="reporting",
        service_account_name="reports",
        role_arn="arn:aws:iam::111122223333:role/reports",  # its cluster_arns have this cluster
    ),
)
pulumi.export("association_id", association.association_id)

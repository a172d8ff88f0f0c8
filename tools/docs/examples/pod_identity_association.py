import pulumi

from irsa_components import PodIdentityAssociation, PodIdentityAssociationArgs, ServiceAccount

association = PodIdentityAssociation(
    "reports",
    PodIdentityAssociationArgs(
        cluster_arn="arn:aws:eks:eu-west-1:111122223333:cluster/dev",
        service_account=ServiceAccount(namespace="reporting", name="reports"),
        role_arn="arn:aws:iam::111122223333:role/reports",  # its cluster_arns have this cluster
    ),
)
pulumi.export("association_id", association.association_id)

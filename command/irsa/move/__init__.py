"""Move a workload between IRSA and EKS Pod Identity: facts, plan and changes. Imports nothing."""

// Package eviction is the kubelet's, with most of the kubelet behind it; the controller manager
// asks it one question.
package eviction

import v1 "k8s.io/api/core/v1"

func PodIsEvicted(status v1.PodStatus) bool {
	return status.Phase == v1.PodFailed && status.Reason == "Evicted"
}

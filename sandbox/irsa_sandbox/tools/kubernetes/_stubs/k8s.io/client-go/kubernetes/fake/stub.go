// Package fake is left out: the API server has it for a helper of tests, which nothing calls.
package fake

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/testing"
)

var AddToScheme = scheme.AddToScheme

type Clientset struct{ *kubernetes.Clientset }

func NewSimpleClientset(...runtime.Object) *Clientset { panic("fake is left out") }

func (*Clientset) Tracker() testing.ObjectTracker { panic("fake is left out") }

//go:build tools

// Package tools holds what the chart's tests are run with, so that go.mod and go.sum pin it.
package tools

import _ "helm.sh/helm/v3/cmd/helm"

#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE of the service at TEMPORAL_ADDRESS, if it is not there.
# Histories of closed runs stay 30 days; Cadre's own records stay longer.
set -eu

namespace=${TEMPORAL_NAMESPACE:-default}
temporal operator cluster health
temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$namespace" --retention 30d

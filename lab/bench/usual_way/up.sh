#!/bin/sh
# The usual way to such a lab, one step after the other, as guides describe it: the baseline of `make bench`.
# Same images, manifests and chart, same machine; nothing of what the lab does to be quick.
# Secrets come on standard input. Each line of the output is a step and its seconds.
set -eu

: "${KIND:?}" "${KUBECTL:?}" "${HELM:?}" "${KUBECONFIG:?}"      # programs, and where kind writes its access
: "${CLUSTER:?}" "${CONFIG:?}" "${NODE_IMAGE:?}" "${IMAGES:?}"  # a node that holds none of the images
: "${OBJECTS:?}" "${CHART:?}" "${VALUES:?}"                     # a kustomization; values files between spaces

exec 3<&0 < /dev/null # only kubectl reads the secrets

create() {
    "$KIND" create cluster --name "$CLUSTER" --config "$CONFIG" --image "$NODE_IMAGE"
}

load() {
    for image in $IMAGES; do
        "$KIND" load docker-image --name "$CLUSTER" "$image" || return
    done
}

platform() {
    "$KUBECTL" apply --server-side --filename - <&3 || return
    "$KUBECTL" apply --server-side --kustomize "$OBJECTS" || return
    for workload in statefulset/postgres deployment/gitea deployment/localstack; do
        "$KUBECTL" --namespace platform rollout status --timeout 10m "$workload" || return
    done
}

airflow() {
    set --
    for file in $VALUES; do
        set -- "$@" --values "$file"
    done
    "$HELM" install airflow "$CHART" --namespace airflow --wait --timeout 20m "$@"
}

for step in create load platform airflow; do
    began=$(date +%s)
    "$step" 1>&2 || { echo "error: the step '$step' failed" >&2; exit 1; }
    echo "$step $(($(date +%s) - began))"
done

#!/bin/sh
# The usual way to such a lab, one step after the other, as guides tell it: the baseline of `make bench`.
# Same images, same machine; nothing of what the lab does to be quick. Each line of the output is a step and its seconds.
set -eu

: "${KIND:?}" "${KUBECTL:?}" "${HELM:?}" "${KUBECONFIG:?}"
: "${CLUSTER:?}" "${CONFIG:?}" "${NODE_IMAGE:?}" "${IMAGES:?}"   # kind's configuration, a node without the lab's images
: "${OBJECTS:?}" "${SECRETS:?}" "${CHART:?}" "${VALUES:?}"       # manifests, and the values files, separated by spaces

step() {
    name=$1
    shift
    began=$(date +%s.%N)
    "$@" > /dev/null 2>&1 || { echo "error: $name failed: $*" >&2; "$@" >&2 || true; exit 1; }
    ended=$(date +%s.%N)
    echo "$name $(echo "$ended - $began" | bc)"
}

load() { for image in $IMAGES; do "$KIND" load docker-image --name "$CLUSTER" "$image" || return; done; }

platform() {
    "$KUBECTL" apply --server-side --filename "$SECRETS" &&
        "$KUBECTL" apply --server-side --kustomize "$OBJECTS" &&
        "$KUBECTL" --namespace platform rollout status statefulset/postgres deployment/gitea deployment/localstack
}

airflow() {
    options=
    for file in $VALUES; do options="$options --values $file"; done
    # shellcheck disable=SC2086 - one word per option
    "$HELM" install airflow "$CHART" --namespace airflow --wait --timeout 15m $options
}

step create "$KIND" create cluster --name "$CLUSTER" --config "$CONFIG" --image "$NODE_IMAGE" --wait 5m
step load load
step platform platform
step helm airflow

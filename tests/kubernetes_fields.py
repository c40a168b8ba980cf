"""The fields of the kinds of manifests that are in docker/kubernetes, as far as those use them.

Source: the OpenAPI of Kubernetes 1.37 (`kubernetes-validate --strict` accepts the same files). A field is there
with what it holds: a type, a table of fields, a list of one shape, or `MAP`, names with texts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

MAP = "map"
Shape = Any

_QUANTITIES = MAP
_METADATA = {"name": str, "labels": MAP, "annotations": MAP}
_SELECTOR = {"matchLabels": MAP}
_GET = {
    "path": str,
    "port": (str, int),
    "httpHeaders": [{"name": str, "value": str}],
    "scheme": str,
}
_PROBE = {
    "httpGet": _GET,
    "periodSeconds": int,
    "timeoutSeconds": int,
    "failureThreshold": int,
    "initialDelaySeconds": int,
    "successThreshold": int,
}
_CONTAINER = {
    "name": str,
    "image": str,
    "imagePullPolicy": str,
    "ports": [{"name": str, "containerPort": int, "protocol": str}],
    "env": [{"name": str, "value": str, "valueFrom": {"fieldRef": {"fieldPath": str}}}],
    "startupProbe": _PROBE,
    "readinessProbe": _PROBE,
    "livenessProbe": _PROBE,
    "lifecycle": {"preStop": {"exec": {"command": [str]}}},
    "resources": {"requests": _QUANTITIES, "limits": _QUANTITIES},
    "securityContext": {
        "allowPrivilegeEscalation": bool,
        "readOnlyRootFilesystem": bool,
        "capabilities": {"drop": [str], "add": [str]},
    },
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool, "subPath": str}],
}
_VOLUME = {
    "name": str,
    "configMap": {"name": str, "defaultMode": int},
    "secret": {"secretName": str, "defaultMode": int},
    "emptyDir": {"medium": str, "sizeLimit": str},
}
_POD = {
    "terminationGracePeriodSeconds": int,
    "automountServiceAccountToken": bool,
    "enableServiceLinks": bool,
    "securityContext": {
        "runAsNonRoot": bool,
        "runAsUser": int,
        "runAsGroup": int,
        "fsGroup": int,
        "seccompProfile": {"type": str},
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": int,
            "topologyKey": str,
            "whenUnsatisfiable": str,
            "labelSelector": _SELECTOR,
        }
    ],
    "containers": [_CONTAINER],
    "volumes": [_VOLUME],
}
_HEAD = {"apiVersion": str, "kind": str, "metadata": _METADATA}

KINDS: Mapping[tuple[str, str], Shape] = {
    ("v1", "ConfigMap"): _HEAD | {"data": MAP},
    ("v1", "Secret"): _HEAD | {"type": str, "stringData": MAP},
    ("v1", "Service"): _HEAD
    | {
        "spec": {
            "type": str,
            "selector": MAP,
            "ports": [{"name": str, "port": int, "targetPort": (str, int), "protocol": str}],
        }
    },
    ("apps/v1", "Deployment"): _HEAD
    | {
        "spec": {
            "replicas": int,
            "selector": _SELECTOR,
            "strategy": {
                "type": str,
                "rollingUpdate": {"maxUnavailable": (int, str), "maxSurge": (int, str)},
            },
            "template": {"metadata": _METADATA, "spec": _POD},
        }
    },
    ("autoscaling/v2", "HorizontalPodAutoscaler"): _HEAD
    | {
        "spec": {
            "scaleTargetRef": {"apiVersion": str, "kind": str, "name": str},
            "minReplicas": int,
            "maxReplicas": int,
            "metrics": [
                {
                    "type": str,
                    "resource": {
                        "name": str,
                        "target": {"type": str, "averageUtilization": int},
                    },
                }
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": int}},
        }
    },
}


def problems_of(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with the fields of a manifest, a line each."""
    kind = (manifest.get("apiVersion", ""), manifest.get("kind", ""))
    if kind not in KINDS:
        return [f"{kind} is no kind that is known here"]
    return [*_problems(manifest, KINDS[kind], "")]


def _problems(value: Any, shape: Shape, at: str) -> Iterator[str]:
    match shape:
        case dict():
            if not isinstance(value, dict):
                yield f"{at} is no table"
                return
            for name, own in value.items():
                if name in shape:
                    yield from _problems(own, shape[name], f"{at}.{name}")
                else:
                    yield f"{at}.{name} is no field"
        case [only]:
            if not isinstance(value, list):
                yield f"{at} is no list"
                return
            for number, own in enumerate(value):
                yield from _problems(own, only, f"{at}[{number}]")
        case "map":
            if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
                yield f"{at} is no table of texts"
        case _:
            if not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
                yield f"{at} is no {shape}"

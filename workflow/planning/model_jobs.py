"""What a job that runs a model asks for: resources, which never trigger a rerun.

So what changes speed or place alone is a resource, and no param.
"""

from collections.abc import Callable


def list_resources(compute: dict) -> dict:
    """List the resources of a model job.

    Args:
        compute: The completed config's section.
    """
    return {
        "hub_cache": name_hub_cache(compute),
        "gpu": int(compute["device"] == "cuda"),
        "device": compute["device"],
        "batch_tokens": compute["batch_tokens"],
        "workers": compute["workers"],
        "mem_mb": _grow(compute["memory_mb"]),
        "runtime": _grow(compute["runtime_minutes"]),
    }


def name_hub_cache(compute: dict) -> str:
    """Name the Hub's cache; "" is the environment's, for resources are numbers or text."""
    return compute["hub_cache"] or ""


def _grow(amount: int) -> Callable[..., int]:
    """Double memory or time with each attempt; only a profile's `retries` has a second one."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)  # noqa: ARG005

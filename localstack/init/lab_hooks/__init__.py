"""What the lab changes in LocalStack at its start; loaded by ``start.d/lab.py``."""

from lab_hooks import durable_s3, listen_address, signed_requests

__all__ = ["install_all"]


def install_all() -> None:
    """Install every hook, before the gateway listens. Raises if one of them can't keep its promise."""
    listen_address.install()
    durable_s3.install()
    signed_requests.install()

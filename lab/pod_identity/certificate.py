"""The TLS of the webhook: a certificate that the service makes, registers in the cluster, and renews in time."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.pod_identity.cluster import ClusterApi, ClusterError

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
"""The API server and the service share the node's network."""
LIFETIME, RENEWED_BEFORE = timedelta(days=30), timedelta(days=10)
LOOK_EVERY = 10
"""Seconds between checks that the cluster still has the certificate: its configuration may be applied again."""
PATH = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/pod-identity"


class Certificate:
    """The one that `tls` serves with now. `folder` gets key and certificate; it is to be in memory.

    `is_known` says whether it was registered in the cluster.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "webhook.pem"
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.renew()

    def renew(self) -> None:
        """Serve all further connections with another certificate."""
        key, self.pem, self.end = make()
        self.file.touch(mode=0o600)
        self.file.write_bytes(key + self.pem)
        self.tls.load_cert_chain(self.file)
        self.is_known = False

    async def keep(self, cluster: ClusterApi) -> None:
        """Renew it and have the cluster know it, for ever."""
        while True:
            if datetime.now(UTC) > self.end - RENEWED_BEFORE:
                self.renew()
            try:
                await self.register(cluster)
            except ClusterError as error:
                self.is_known = False
                log.warning("%s", error)
            await asyncio.sleep(LOOK_EVERY if self.is_known else 0.5)

    async def register(self, cluster: ClusterApi) -> None:
        """Put it into the webhook's configuration, if it is not there.

        Raises:
            ClusterError: the configuration is not there yet, or the API does not answer.
        """
        wanted = base64.b64encode(self.pem).decode()
        (webhook,) = (await cluster.get(PATH))["webhooks"]
        if webhook["clientConfig"].get("caBundle") != wanted:
            place = {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": wanted}
            await cluster.patch(PATH, [place])
            log.info("the cluster knows the certificate that ends on %s", self.end.date())
        self.is_known = True


def make() -> tuple[bytes, bytes, datetime]:
    """A key, its self-signed certificate (both PEM), and when that ends."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pod-identity")])
    start = datetime.now(UTC) - timedelta(minutes=5)  # clocks differ
    end = start + LIFETIME
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return private, pem, end

"""A container registry on loopback, read-only, with images out of Docker's own store (OCI distribution spec 1.1)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from lab.docker import docker
from tests.loopback import http_server

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass
class Registry:
    """`refusal` is the status and the body of every answer instead of an image; 401 may ask for a password first."""

    folder: Path
    address: str = ""
    refusal: tuple[int, str] | None = None
    password: bool = False
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, Path] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, image: str, name: str) -> None:
        """Have the image that Docker knows as `image` under `name` (`repository:tag`)."""
        archive, unpacked = self.folder / "saved.tar", self.folder / hashlib.sha256(name.encode()).hexdigest()
        docker("save", "--output", archive, image, limit=120)
        with tarfile.open(archive) as saved:
            saved.extractall(unpacked, filter="data")
        archive.unlink()
        (listed,) = json.loads((unpacked / "manifest.json").read_bytes())
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(unpacked / listed["Config"], CONFIG),
            "layers": [self.blob(unpacked / layer, LAYER) for layer in listed["Layers"]],
        }
        repository, tag = name.split(":")
        content = json.dumps(manifest).encode()
        for reference in (tag, digest_of(content)):
            self.manifests[f"{repository}/manifests/{reference}"] = content

    def blob(self, file: Path, kind: str) -> dict[str, Any]:
        with file.open("rb") as stream:
            digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
        self.blobs[digest] = file
        return {"mediaType": kind, "digest": digest, "size": file.stat().st_size}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextlib.contextmanager
def serving(registry: Registry) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            registry.asked.append(self.path)
            path = self.path.removeprefix("/v2/")
            if registry.password:
                self.answer(b"", "text/plain", 401, {"WWW-Authenticate": 'Basic realm="private"'})
            elif registry.refusal and path:
                status, body = registry.refusal
                self.answer(body.encode(), "application/json", status)
            elif content := registry.manifests.get(path, b"{}" if not path else b""):
                self.answer(content, MANIFEST, 200, {"Docker-Content-Digest": digest_of(content)})
            elif file := registry.blobs.get(re.sub(r".*/blobs/", "", path)):
                self.answer(file.read_bytes(), "application/octet-stream", 200)
            else:
                self.answer(b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', "application/json", 404)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def answer(self, content: bytes, kind: str, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            known = {"Content-Type": kind, "Content-Length": str(len(content))}
            for name, value in {"Docker-Distribution-Api-Version": "registry/2.0", **known, **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with http_server(Handler) as port:
        registry.address = f"127.0.0.1:{port}"
        yield registry

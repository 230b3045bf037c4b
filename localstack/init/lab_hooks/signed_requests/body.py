"""The check of a body's bytes: once, and before the provider publishes what it has read of them.

The forms that a body may have are in "Signature Calculations for the Authorization Header" of the Amazon S3 API
reference: signed by its SHA-256, unsigned, or in chunks, each of which is signed with the signature before it.
"""

import hashlib
import hmac
import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from botocore.auth import EMPTY_SHA256_HASH, STREAMING_UNSIGNED_PAYLOAD_TRAILER, UNSIGNED_PAYLOAD
from localstack.services.s3.codec import AwsChunkedDecoder

from lab_hooks.signed_requests.errors import Refusal, mismatch
from lab_hooks.signed_requests.signature import Signed

__all__ = ["CheckedChunks", "checked"]

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SMALL = 4 << 20
"""Bytes of a body that is checked before LocalStack sees it. All lists that S3 takes, which are XML, are smaller."""
BLOCK = 1 << 20
"""Bytes that are hashed at a time: a thread is woken for each."""
HASHING = ThreadPoolExecutor(thread_name_prefix="lab-hash")
SIGNED_CHUNKS_TRAILER = f"{SIGNED_CHUNKS}-TRAILER"


def checked(request: Any, signed: Signed) -> IO[bytes]:
    """Return the stream of a body that raises a ``Refusal`` at its end, unless its bytes are those that were signed.

    Its form is the signed header ``x-amz-content-sha256``; a presigned URL has none.
    """
    stream, form = request.stream, request.headers.get("X-Amz-Content-SHA256")
    if form in (None, UNSIGNED_PAYLOAD, STREAMING_UNSIGNED_PAYLOAD_TRAILER):
        return stream
    if "Transfer-Encoding" in request.headers:
        raise Refusal("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not request.content_length and form != EMPTY_SHA256_HASH:
        raise other_bytes()  # here, because LocalStack does not read an empty body
    if form in (SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER) and takes_chunks(request):
        return SignedChunks(stream, signed)
    if len(form) == len(EMPTY_SHA256_HASH):
        if (request.content_length or 0) > SMALL:
            return HashedBody(stream, form)
        content = stream.read()
        if not hmac.compare_digest(hashlib.sha256(content).hexdigest().encode(), form.encode()):
            raise other_bytes()
        return io.BytesIO(content)
    raise Refusal("NotImplemented", f"A body of the form {form[:60]} is not implemented.", 501)


def takes_chunks(request: Any) -> bool:
    """Return whether it is PutObject or UploadPart, the calls that Amazon S3 takes in chunks."""
    return request.method == "PUT" and set(request.args) <= {"partNumber", "uploadId", "x-id"}


class HashedBody(io.RawIOBase):
    """A large body that was signed by its SHA-256. The hash is computed beside the MD5 that the provider computes."""

    def __init__(self, stream: IO[bytes], expected: str) -> None:
        """Take the body and its hash in hexadecimal."""
        self.stream, self.expected = stream, expected
        self.hash = hashlib.sha256()
        self.block, self.place = b"", 0
        self.hashing: Future[None] | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most to the end of a block; raise at the end unless they are as signed."""
        if size < 0:
            return self.readall()
        if size and self.place == len(self.block):
            self.next_block()
        found = self.block[self.place : self.place + size]
        self.place += len(found)
        return found

    def next_block(self) -> None:
        """Read the next block and have it hashed, in another thread: Python's lock is not held for that."""
        block = self.stream.read(BLOCK)
        if self.hashing:
            self.hashing.result()
        self.block, self.place = block, 0
        if block:
            self.hashing = HASHING.submit(self.hash.update, block)
        else:
            self.require_expected()

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def require_expected(self) -> None:
        """Raise unless all bytes together have the hash that was signed."""
        if not hmac.compare_digest(self.hash.hexdigest().encode(), self.expected.encode()):
            raise other_bytes()


class SignedChunks(io.RawIOBase):
    """A body in signed chunks; only ``CheckedChunks`` may read it, so that no call takes it unchecked."""

    def __init__(self, encoded: IO[bytes], signed: Signed) -> None:
        """Take the encoded body and the signature that the first chunk continues."""
        self.encoded, self.signed = encoded, signed

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002
        """Raise: this call of S3 takes no body in chunks."""
        raise Refusal("NotImplemented", "This call takes no body in signed chunks.", 501)


class CheckedChunks(AwsChunkedDecoder):  # type: ignore[misc]
    """LocalStack's decoder of bodies in chunks, which checks the signature of each chunk and of the trailer."""

    def __init__(self, stream: IO[bytes], decoded_content_length: int, s3_object: Any | None = None) -> None:
        """Take what LocalStack's decoder takes."""
        self.signed = stream.signed if isinstance(stream, SignedChunks) else None
        self.previous = self.signed.signature if self.signed else ""
        self.given = ""
        self.hash = hashlib.sha256()
        encoded = stream.encoded if isinstance(stream, SignedChunks) else stream
        super().__init__(encoded, decoded_content_length, s3_object)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most to the end of a chunk; raises a ``Refusal`` if that chunk is another."""
        try:
            found: bytes = super().read(size)
        except (EOFError, ValueError) as error:
            raise incomplete() from error
        if size > 0 and self.signed:
            self.hash.update(found)
            if self._end_chunk:
                self.require_chunk(self.signed)
        if not found and size != 0 and self._decoded_length != 0:
            raise incomplete()
        return found

    def _get_next_chunk_length(self) -> None:
        line = self._stream.readline()
        size, _, extension = line.strip().partition(b";")
        self._chunk_size = int(size, 16)
        self.given = extension.removeprefix(b"chunk-signature=").decode("latin-1")
        self.hash = hashlib.sha256()
        if self._chunk_size == 0 and self.signed:
            self.require_chunk(self.signed)

    def require_chunk(self, signed: Signed) -> None:
        """Raise unless the chunk has the signature that continues the one before."""
        lines = (self.previous, EMPTY_SHA256_HASH, self.hash.hexdigest())
        self.continue_with(signed.sign("AWS4-HMAC-SHA256-PAYLOAD", *lines))

    def continue_with(self, expected: str) -> None:
        """Take a signature for the previous one of the next part, or raise."""
        if not hmac.compare_digest(expected.encode(), self.given.encode()):
            raise mismatch("s3")
        self.previous = expected

    def _get_trailing_headers(self) -> None:
        super()._get_trailing_headers()
        if self.signed is None:
            return
        self.given = self._trailing_headers.pop("x-amz-trailer-signature", "")
        if self.given or self._trailing_headers:
            trailer = "".join(f"{name}:{value}\n" for name, value in sorted(self._trailing_headers.items()))
            lines = (self.previous, hashlib.sha256(trailer.encode()).hexdigest())
            self.continue_with(self.signed.sign("AWS4-HMAC-SHA256-TRAILER", *lines))


def other_bytes() -> Refusal:
    """Return the refusal of a body that has another hash than the one that was signed."""
    message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    return Refusal("XAmzContentSHA256Mismatch", message, 400)


def incomplete() -> Refusal:
    """Return the refusal of a body that is not what its headers say."""
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header"
    return Refusal("IncompleteBody", message, 400)

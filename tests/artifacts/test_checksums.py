"""Checksums of uploads, in headers and in trailers, right and wrong; and bodies that come in signed chunks."""

import base64
import hashlib
import http.client
import zlib
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from auth.chunks import signed_chunks

TEXT = b"some text that is hashed" * 10_000
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def encoded(digest):
    return base64.b64encode(digest).decode()


CRC32 = encoded(zlib.crc32(TEXT).to_bytes(4, "big"))

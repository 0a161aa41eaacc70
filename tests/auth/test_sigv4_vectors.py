"""AWS's own published vectors, where they are at hand."""

import os
from pathlib import Path

import pytest

from penstock.auth import sigv4
from penstock.ports.identity import SignedRequest

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BESIDE = Path(__file__).parents[2].parent / "shared" / "fixtures" / "sigv4-vectors"
FOLDER = Path(os.environ.get("PENSTOCK_SIGV4_VECTORS", BESIDE))
VECTORS = sorted(path.parent for path in FOLDER.rglob("*.authz"))
RULES = sigv4.Rules(service="service", skew_seconds=300)
NOW = 1440938160.0
# Here the token is added after signing, which these services do not take: what is there must be signed.
TOKEN_UNSIGNED = "post-sts-header-after"

if not VECTORS:
    pytest.skip(f"no vectors in {FOLDER}; name their folder in PENSTOCK_SIGV4_VECTORS", allow_module_level=True)


def part(vector, suffix):
    return (vector / f"{vector.name}.{suffix}").read_bytes().replace(b"\r\n", b"\n")


def read_request(vector):
    """The signed request; folded header lines are joined, as an HTTP parser does."""
    head, _, body = part(vector, "sreq").partition(b"\n\n")
    first, *lines = head.replace(b"\n ", b" ").split(b"\n")
    method, _, rest = first.partition(b" ")
    path, _, query = rest.rpartition(b" ")[0].partition(b"?")
    pairs = (line.partition(b":") for line in lines if line)
    headers = [(name.lower(), value.strip()) for name, _, value in pairs if name != b"Authorization"]
    headers.append((b"authorization", part(vector, "authz").strip()))
    return SignedRequest(method.decode(), path, query, headers, body)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_every_step_towards_the_signature_is_the_published_one(vector):
    request = read_request(vector)
    headers = sigv4.joined_headers(request.headers)
    authorization = part(vector, "authz").strip()
    payload_hash = part(vector, "creq").rpartition(b"\n")[2].decode()

    terms, _ = sigv4.read_authorization(authorization)
    canonical = sigv4.canonical_request(request, RULES, headers=headers, terms=terms, payload_hash=payload_hash)
    assert canonical == part(vector, "creq").strip()
    scope = b"20150830/us-east-1/service/aws4_request"
    assert sigv4.string_to_sign(b"20150830T123600Z", scope, canonical) == part(vector, "sts").strip()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_every_published_request_is_accepted_with_its_secret_alone(vector):
    request = read_request(vector)
    if vector.name == TOKEN_UNSIGNED:
        with pytest.raises(sigv4.InvalidSignatureException, match="'X-Amz-Security-Token' must be a 'SignedHeader'"):
            sigv4.read_claim(request, RULES, NOW)
        return
    claim = sigv4.read_claim(request, RULES, NOW)
    sigv4.verify(claim, SECRET)
    with pytest.raises(sigv4.InvalidSignatureException, match="does not match"):
        sigv4.verify(claim, SECRET + "x")

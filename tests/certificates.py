"""Certificates for tests: signed by themselves, good for a day, made out to whatever a test needs."""

import datetime as dt
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

PEM = serialization.Encoding.PEM


def make_certificate(
    folder: Path,
    name: str = "server",
    *,
    called: tuple[str, ...] = (),
    addresses: tuple[str, ...] = ("127.0.0.1",),
    kind: str = "ec",
    password: bytes | None = None,
) -> tuple[Path, Path]:
    """The files NAME.pem and NAME.key; for the names and addresses, none of which leaves out the extension."""
    private = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    names = [*map(x509.DNSName, called), *(x509.IPAddress(ip_address(each)) for each in addresses)]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(builder.sign(private, hashes.SHA256()).public_bytes(PEM))
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files[1].write_bytes(private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, lock))
    return files

"""The server's certificate: read at the start and whenever it was renewed."""

import logging
import ssl
from ipaddress import ip_address
from pathlib import Path

from penstock.server.settings import Settings, SettingsError

__all__ = ["Certificate", "certificate_of"]

log = logging.getLogger("penstock.server")


class Certificate:
    """A certificate and its key. `context` shows the newest that were good to each client that comes."""

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        """Raises SettingsError, with a sentence, unless both can be read and belong together."""
        self._files = certificate_file, key_file
        self._newest = self.context = _context(certificate_file, key_file)
        # To load a second pair into the same context would leave the first in place if the keys are of different kinds.
        self.context.sni_callback = self._show_newest

    def _show_newest(self, client: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        client.context = self._newest

    def reload(self) -> None:
        """Read both files again, for the connections to come. If they are not good, those from before stay."""
        try:
            self._newest = _context(*self._files)
        except SettingsError as problem:
            log.error("the certificate is not replaced: %s", problem)
        else:
            log.info("the certificate %s was read again", self._files[0])

    def name_for(self, host: str) -> str:
        """What clients on this machine must call a server on that host, so that the certificate fits: the host, if it does."""
        from cryptography import x509

        try:
            found = x509.load_pem_x509_certificates(self._files[0].read_bytes())[0]
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            address = ip_address(host.strip("[]"))
        except (x509.ExtensionNotFound, ValueError):
            return host
        called = [name for name in names.get_values_for_type(x509.DNSName) if not name.startswith("*")]
        if address in names.get_values_for_type(x509.IPAddress) or not called:
            return host
        return "localhost" if "localhost" in called else called[0]


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate that the settings name, if they do. Raises SettingsError."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key)


def _context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    for option, file in (("--tls-cert", certificate_file), ("--tls-key", key_file)):
        try:
            file.open("rb").close()
        except OSError as problem:
            raise SettingsError(f"{option} {file} cannot be read: {(problem.strerror or '').lower()}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password to give, OpenSSL would ask for one on the terminal and wait.
        context.load_cert_chain(certificate_file, key_file, password=_no_password)
    except (ssl.SSLError, ValueError) as problem:
        raise SettingsError(_wrong(problem, certificate_file, key_file)) from None
    return context


def _no_password() -> str:
    raise ValueError("the key is locked by a password")


def _wrong(problem: Exception, certificate_file: Path, key_file: Path) -> str:
    if getattr(problem, "reason", None) in {"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}:
        return f"--tls-key {key_file} is not the key of --tls-cert {certificate_file}"
    if isinstance(problem, ssl.SSLError):
        return f"--tls-cert {certificate_file} and --tls-key {key_file} must be a certificate and its key, each in PEM form"
    return f"--tls-key {key_file} cannot be used: {problem}"

"""TLS to a host: always verified, against the system's authorities or those that a deployment names."""

from __future__ import annotations

import ssl

from assay.errors import ConnectionFailed


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What verifies hosts: certificate and name, TLS 1.2 or later. There is no switch to leave that out.

    Args:
        ca_file: PEM file of the only authorities that count; None = the system's, or those of `SSL_CERT_FILE`.

    Raises:
        ConnectionFailed: the file holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:  # SSLError is an OSError; named for the reader
        raise _lasting(f"ca_file {ca_file!r} holds no certificates in PEM form ({error})") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def tls_failed(error: ssl.SSLError | ssl.CertificateError, host: str) -> ConnectionFailed:
    """Why there is no TLS with a host, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.verify_message or str(error)).rstrip(".")
        return _lasting(
            f"the certificate of {host} is not valid: {reason}; "
            "correct base_url, or name the PEM file of its authority with ca_file"
        )
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        return _lasting(f"{host} does not speak TLS here; correct base_url (http:// perhaps)")
    return ConnectionFailed(f"no TLS with {host}: {error.reason or error}")


def _lasting(message: str) -> ConnectionFailed:
    error = ConnectionFailed(message)
    error.retryable = False  # the same call fails again until somebody changes something
    return error

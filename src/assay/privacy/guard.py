"""The last check, at the moment of sending. Fails closed: what is not plainly allowed is refused."""

from __future__ import annotations

from assay.config.schema import Constraints
from assay.errors import PrivacyViolation
from assay.types import Label

__all__ = ["assert_may_receive"]


def assert_may_receive(
    label: Label, deployment_name: str, is_private: bool | None, constraints: Constraints | None
) -> None:
    """Return only if a deployment may be sent data with this label.

    Args:
        label: the effective label of the request.
        deployment_name: for the message; nothing of the request is ever in it.
        is_private: whether data sent there stays under the team's control; anything but true or false is refused.
        constraints: the envelope; `None` is refused.

    Raises:
        PrivacyViolation: it may not, or it cannot be told.
    """
    reason = _refusal(label, is_private, constraints)
    if reason is not None:
        raise PrivacyViolation(f"nothing was sent to deployment {deployment_name!r}: {reason}")


def _refusal(label: object, is_private: object, constraints: object) -> str | None:
    """Why not, or `None`. Takes anything: this is where a value of the wrong type must not slip through."""
    if not isinstance(label, Label):
        return "the privacy label of the request is unknown"
    if is_private is not True and is_private is not False:
        return "it is not known whether it is private; declare private = true or false"
    if not isinstance(constraints, Constraints) or constraints.sensitive_data != "private-only":
        return "the constraints that rule private data are unknown"
    if is_private or label is Label.PUBLIC:
        return None
    if label is Label.UNLABELLED:
        if constraints.unlabelled_data == "any":
            return None
        return "the request has no privacy label, and unlabelled data goes to private deployments only"
    return "the request is private-only and the deployment is not private"

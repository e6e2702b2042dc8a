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
    # This is where a value of the wrong type must not slip through, whatever the signature says.
    if not isinstance(label, Label):
        reason = "the privacy label of the request is unknown"  # type: ignore[unreachable]  # fails closed
    elif is_private is not True and is_private is not False:
        reason = "it is not known whether it is private; declare private = true or false"
    elif not isinstance(constraints, Constraints) or constraints.sensitive_data != "private-only":
        reason = "the constraints that rule private data are unknown"
    elif is_private or label is Label.PUBLIC:
        return
    elif label is not Label.UNLABELLED:
        reason = "the request is private-only and the deployment is not private"
    elif constraints.unlabelled_data == "any":
        return
    else:
        reason = "the request has no privacy label, and unlabelled data goes to private deployments only"
    raise PrivacyViolation(f"nothing was sent to deployment {deployment_name!r}: {reason}")

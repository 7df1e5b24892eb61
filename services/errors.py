"""What a service refuses. Each carries a code for programs and a sentence with parameters for people."""

import math
from typing import Any


class ServiceError(Exception):
    code = "ERROR"

    def __init__(self, message: str = "", **params: Any) -> None:
        super().__init__(message % params if params else message)
        self.message = message  # untranslated, with %(placeholders)s: pages translate it
        self.params = params


class NotFound(ServiceError):
    code = "NOT_FOUND"


class Forbidden(ServiceError):
    code = "PERMISSION_DENIED"


class Invalid(ServiceError):
    """Input that does not fit. `field` names the form field or JSON member, where one is to blame."""

    code = "INVALID_INPUT"

    def __init__(self, message: str, field: str = "", **params: Any) -> None:
        super().__init__(message, **params)
        self.field = field


class Conflict(ServiceError):
    code = "CONFLICT"


class RateLimited(ServiceError):
    code = "RATE_LIMITED"

    def __init__(self, resets_in: float, message: str, **params: Any) -> None:
        # Up: who comes a moment too early is only refused once more.
        self.resets_in, self.seconds = resets_in, max(1, math.ceil(resets_in))
        super().__init__(message, seconds=self.seconds, **params)


class QuotaExceeded(RateLimited):
    """A tenant has begun as many runs as it may within a minute."""

    code = "QUOTA_EXCEEDED"


class FeatureDisabled(ServiceError):
    code = "FEATURE_DISABLED"


class Busy(ServiceError):
    """As many runs of a script or tenant as may go on at once: the run keeps its place and is tried again soon."""

    code = "RATE_LIMITED"

    def __init__(self, whose: str) -> None:
        if whose == "script":
            super().__init__("Too many runs of this script are going on.")
        else:
            super().__init__("Too many runs of this tenant are going on.")
        self.whose = whose

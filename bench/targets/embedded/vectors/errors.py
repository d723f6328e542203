"""Failures as Qdrant tells them: an HTTP status code and one sentence."""

from __future__ import annotations


class ApiError(Exception):
    """A request that is answered with `status` (HTTP) and `{"status": {"error": message}}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def reason_of(error: Exception) -> str:
    """The engine's own words on one line; it names the field that it could not read in a note."""
    return ", ".join([str(error).partition("\n")[0], *getattr(error, "__notes__", ())])


def not_found(what: str) -> ApiError:
    return ApiError(404, f"Not found: {what}")


def unknown_collection(name: str) -> ApiError:
    return not_found(f"Collection `{name}` doesn't exist!")


def existing_collection(name: str) -> ApiError:
    return ApiError(409, f"Wrong input: Collection `{name}` already exists!")


def wrong_input(reason: str) -> ApiError:
    """Well-formed, but it does not fit the collection."""
    return ApiError(400, f"Wrong input: {reason}")


def wrong_dimension(expected: int, got: int) -> ApiError:
    return wrong_input(f"Vector dimension error: expected dim: {expected}, got {got}")


def malformed(reason: str) -> ApiError:
    """Not JSON, or not of the expected shape."""
    return ApiError(400, f"Format error in JSON body: {reason}")


def malformed_query(reason: str) -> ApiError:
    """A parameter of the URL that cannot be read."""
    return ApiError(400, f"Format error in query parameters: {reason}")


def unsupported(what: str) -> ApiError:
    """Part of Qdrant's interface, and not of this server's."""
    return wrong_input(f"{what} are not supported here")


def out_of_range(field: str, value: object, rule: str) -> ApiError:
    """Of the right shape, with a value outside the legal range."""
    return ApiError(422, f"Validation error in JSON body: [{field}: value {value} invalid, must be {rule}]")

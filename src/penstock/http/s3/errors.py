"""S3's errors: a code, a status and a sentence, sent as XML."""

from penstock.http.s3.documents import Tree, render
from penstock.wire.errors import ApiError

__all__ = ["S3Error", "from_api_error"]

MALFORMED_XML = "The XML you provided was not well-formed or did not validate against our published schema"
NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
    "completed."
)
PARTS_MISSING = (
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
    "entity tag may not match the part's entity tag."
)

USUAL: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "IllegalVersioningConfigurationException": (400, "The Versioning element must be specified"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified is not valid."),
    "InvalidPart": (400, PARTS_MISSING),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order. Parts must be ordered by part number."),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedXML": (400, MALFORMED_XML),
    "MaxMessageLengthExceeded": (400, "Your request was too big."),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, NO_UPLOAD),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "RequestHeaderSectionTooLarge": (
        400,
        "Your request header and query parameters used to make the request exceed the maximum allowed size.",
    ),
    "ServiceUnavailable": (503, "Service is unable to handle request."),
    "SlowDown": (503, "Please reduce your request rate."),
    "TooManyUploads": (400, "There are too many multipart uploads under way: complete or abort some of them."),
}

# The door speaks the words of the JSON protocol.
OF_THE_DOOR: dict[str, tuple[str, int]] = {
    "UnrecognizedClientException": ("InvalidAccessKeyId", 403),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "ExpiredTokenException": ("ExpiredToken", 400),
    "MissingAuthenticationTokenException": ("AccessDenied", 403),
    "AccessDeniedException": ("AccessDenied", 403),
    "IncompleteSignatureException": ("AuthorizationHeaderMalformed", 400),
    "ThrottlingException": ("SlowDown", 503),
    "InternalFailure": ("InternalError", 500),
}
CLOCK_TEXTS = ("Signature expired", "Signature not yet current")
QUERY_TEXTS = ("AWS query-string parameters must", "X-Amz-Expires must")


class S3Error(Exception):
    """An answer other than success. `details` are elements of their own in the XML, `headers` go with it."""

    def __init__(
        self, code: str, message: str = "", details: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.code = code
        self.status, usual = USUAL.get(code, (400, code))
        self.message = message or usual
        self.details = details or {}
        self.headers = headers or {}
        super().__init__(code, self.message)

    def body(self, resource: str, request_id: str) -> bytes:
        tree: list[tuple[str, Tree]] = [("Code", self.code), ("Message", self.message)]
        return render("Error", [*tree, *self.details.items(), ("Resource", resource), ("RequestId", request_id)], "")


def from_api_error(error: ApiError) -> S3Error:
    """The same refusal in S3's words; what S3 has no other word for keeps its code and status."""
    code, status = OF_THE_DOOR.get(error.code, (error.code, error.status))
    if code == "SignatureDoesNotMatch" and error.message.startswith(CLOCK_TEXTS):
        code = "RequestTimeTooSkewed"
    if code == "AuthorizationHeaderMalformed" and error.message.startswith(QUERY_TEXTS):
        code = "AuthorizationQueryParametersError"
    translated = S3Error(code, "" if code == "SlowDown" else error.message)
    translated.status = status
    return translated

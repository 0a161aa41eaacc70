"""The errors that the API answers with: first those of the service model, then those of the front end."""

from typing import ClassVar

import msgspec


class ApiError(Exception):
    """An answer other than success; the class's name is the error's code on the wire."""

    status: ClassVar[int] = 400
    usual_message: ClassVar[str] = ""

    def __init__(self, message: str | None = None) -> None:
        self.message: str = self.usual_message if message is None else message
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The error's name as clients know it."""
        return type(self).__name__

    def body(self) -> bytes:
        """The JSON that is sent; an error that has nothing to say is sent without a message."""
        named = {"__type": self.code}
        return msgspec.json.encode({**named, "message": self.message} if self.message else named)


class ActionExecutionNotFoundException(ApiError): ...


class ActionNotFoundException(ApiError): ...


class ActionTypeAlreadyExistsException(ApiError): ...


class ActionTypeNotFoundException(ApiError): ...


class ApprovalAlreadyCompletedException(ApiError): ...


class ConcurrentModificationException(ApiError): ...


class ConcurrentPipelineExecutionsLimitExceededException(ApiError): ...


class ConditionNotOverridableException(ApiError): ...


class ConflictException(ApiError): ...


class DuplicatedStopRequestException(ApiError): ...


class InvalidActionDeclarationException(ApiError): ...


class InvalidApprovalTokenException(ApiError): ...


class InvalidArnException(ApiError): ...


class InvalidBlockerDeclarationException(ApiError): ...


class InvalidClientTokenException(ApiError): ...


class InvalidJobException(ApiError): ...


class InvalidJobStateException(ApiError): ...


class InvalidNextTokenException(ApiError): ...


class InvalidNonceException(ApiError): ...


class InvalidStageDeclarationException(ApiError): ...


class InvalidStructureException(ApiError): ...


class InvalidTagsException(ApiError): ...


class InvalidWebhookAuthenticationParametersException(ApiError): ...


class InvalidWebhookFilterPatternException(ApiError): ...


class JobNotFoundException(ApiError): ...


class LimitExceededException(ApiError): ...


class NotLatestPipelineExecutionException(ApiError): ...


class OutputVariablesSizeExceededException(ApiError): ...


class PipelineExecutionNotFoundException(ApiError): ...


class PipelineExecutionNotStoppableException(ApiError): ...


class PipelineExecutionOutdatedException(ApiError): ...


class PipelineNameInUseException(ApiError): ...


class PipelineNotFoundException(ApiError): ...


class PipelineVersionNotFoundException(ApiError): ...


class RequestFailedException(ApiError): ...


class ResourceNotFoundException(ApiError): ...


class StageNotFoundException(ApiError): ...


class StageNotRetryableException(ApiError): ...


class TooManyTagsException(ApiError): ...


class UnableToRollbackStageException(ApiError): ...


class ValidationException(ApiError): ...


class WebhookNotFoundException(ApiError): ...


class UnknownOperationException(ApiError): ...


class SerializationException(ApiError): ...


class UnrecognizedClientException(ApiError):
    usual_message = "The security token included in the request is invalid."


class ExpiredTokenException(ApiError):
    usual_message = "The security token included in the request is expired"


class InvalidSignatureException(ApiError):
    usual_message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )


class MissingAuthenticationTokenException(ApiError):
    usual_message = "Missing Authentication Token"


class IncompleteSignatureException(ApiError): ...


class AccessDeniedException(ApiError): ...


class ThrottlingException(ApiError):
    usual_message = "Rate exceeded"


class InternalFailure(ApiError):
    status = 500
    usual_message = "The request processing has failed because of an unknown error, exception or failure."


class ServiceUnavailable(ApiError):
    status = 503
    usual_message = "The request has failed due to a temporary failure of the server."


class DryRunOperation(ApiError):
    status = 412
    usual_message = "Request would have succeeded, but DryRun flag is set."

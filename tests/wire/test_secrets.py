"""What is printed of a structure shows none of its secrets."""

from penstock.wire import types


def test_credentials_print_none_of_their_members():
    credentials = types.AWSSessionCredentials(access_key_id="AK", secret_access_key="SK", session_token="ST")
    hidden = "AWSSessionCredentials(access_key_id=<hidden>, secret_access_key=<hidden>, session_token=<hidden>)"
    assert repr(credentials) == hidden
    assert repr(types.JobData(artifact_credentials=credentials)).count("<hidden>") == 3


def test_client_and_webhook_tokens_are_not_printed():
    details = types.GetThirdPartyJobDetailsInput(job_id="j", client_token="secret")
    assert repr(details) == "GetThirdPartyJobDetailsInput(job_id='j', client_token=<hidden>)"
    configuration = types.WebhookAuthConfiguration(secret_token="secret")
    assert repr(configuration) == "WebhookAuthConfiguration(allowed_ip_range=None, secret_token=<hidden>)"


def test_a_secret_that_is_not_there_is_printed_as_such():
    assert "secret_token=None" in repr(types.WebhookAuthConfiguration())

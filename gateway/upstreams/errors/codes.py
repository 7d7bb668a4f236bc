"""What the names, statuses and words of providers' errors mean. Pure.

One table for all wire formats, because servers pass on the errors of others: a router with OpenAI's API sends those of
Google and Anthropic. docs/reference/providers.md shows the tables; a test compares them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.protocol.errors import Code

ERROR_NAMES: Final[Mapping[Code, str]] = {
    Code.PROVIDER_AUTH: """
        invalid_api_key incorrect_api_key api_key_invalid api_key_expired api_key_service_blocked
        api_key_http_referrer_blocked api_key_ip_address_blocked authentication_error
        invalid_authentication_error authentication_failed auth_error unauthenticated unauthorized invalid_token
        expired_token permission_error permission_denied forbidden access_denied access_denied_exception
        unrecognized_client_exception invalid_signature_exception model_access_denied service_disabled
        consumer_invalid account_deactivated organization_deactivated invalid_organization
        unsupported_country_region_territory ip_not_authorized base_resp_1004 base_resp_2049 cloudflare_1006
        cloudflare_1007 cloudflare_1008 cloudflare_1009 cloudflare_1010 cloudflare_1020 1000 1001 1002 1003 1004
        1220 10000
    """,
    Code.PROVIDER_QUOTA: """
        insufficient_quota insufficient_balance insufficient_credits insufficient_funds billing_error
        billing_disabled billing_not_active billing_hard_limit_reached payment_required
        exceeded_current_quota_error arrearage account_overdue_error account_suspended account_disabled
        quota_not_enough credit_balance_too_low free_tier_only no_credits insufficient_user_quota
        usage_limit_reached consumer_suspended base_resp_1008 base_resp_2056 1112 1113 1309 3036
    """,
    Code.RATE_LIMIT: """
        rate_limit_error rate_limit_exceeded rate_limit_reached rate_limit rate_limited too_many_requests
        resource_exhausted throttled throttling throttling_exception throttling_rate_quota
        throttling_allocation_quota limit_requests limit_burst_rate tokens_per_minute requests_per_minute
        service_tier_capacity_exceeded capacity_exceeded engine_overloaded_error base_resp_1002 base_resp_1039
        base_resp_1041 base_resp_2045 cloudflare_1015 1302 1303 1304 1305 1308 3040
    """,
    Code.CONTENT_FILTER: """
        content_filter responsible_ai_policy_violation content_policy_violation content_moderation
        moderation_blocked data_inspection_failed image_content_policy_violation bio_policy
        misalignment_policy_violation cyber_policy_violation sensitive_content_detected safety_check_failed
        base_resp_1026 base_resp_1027 base_resp_1042 1301
    """,
    Code.MODEL_NOT_FOUND: """
        model_not_found model_not_exist model_not_supported not_found_error invalid_model deployment_not_found
        resource_not_found_exception model_not_ready_exception not_found 1211 5007
    """,
    Code.TIMEOUT: """
        timeout timeout_error request_timeout gateway_timeout deadline_exceeded model_timeout_exception
        vector_store_timeout base_resp_1001
    """,
    Code.INVALID_REQUEST: """
        context_length_exceeded string_above_max_length request_too_large tool_use_failed json_validate_failed
        invalid_prompt data_residency_mismatch unsupported_parameter unsupported_value unknown_parameter
        invalid_image invalid_image_format invalid_base64_image invalid_image_url invalid_image_mode
        image_too_large image_too_small image_file_too_large image_parse_error image_file_not_found
        empty_image_file unsupported_image_media_type failed_to_download_image validation_exception
        base_resp_2013 1210 1214 1261
    """,
    Code.SERVER_ERROR: """
        overloaded_error overloaded engine_overloaded unavailable service_unavailable service_unavailable_error
        service_unavailable_exception internal_server_exception model_error_exception
        model_stream_error_exception base_resp_1000 base_resp_1013 base_resp_1024 base_resp_1033 1234
    """,
    Code.NETWORK_ERROR: "network_error",
}
"""Codes, types, statuses and reasons of error objects that say what happened, by our code.

Sources: platform.openai.com/docs/guides/error-codes, docs.anthropic.com "Errors", ai.google.dev "Troubleshooting" and
google/api/error_reason.proto, learn.microsoft.com "Content filtering" (Azure), console.groq.com/docs/errors,
openrouter.ai/docs/api-reference/errors, docs.z.ai (the numbers from 1000 on), platform.minimax.io (`base_resp`),
developers.cloudflare.com/workers-ai, docs.aws.amazon.com (names that end in Exception), help.aliyun.com DashScope.
"""

VAGUE_NAMES: Final[Mapping[Code, str]] = {
    Code.INVALID_REQUEST: "invalid_request_error invalid_request bad_request bad_request_error invalid_argument "
    "failed_precondition out_of_range unprocessable_entity validation_error",
    Code.SERVER_ERROR: "server_error internal_error internal_server_error api_error internal unknown",
}
"""Names that many errors share: a status that says more decides before them (402 with `invalid_request_error`)."""

ERROR_PHRASES: Final[tuple[tuple[Code, str], ...]] = (
    (
        Code.PROVIDER_QUOTA,
        r"credit balance is too low|insufficient (?:account )?(?:balance|credit|fund|quota)|exceeded your current quota"
        r"|(?:run|ran) out of credits|no credits|not enough credits|requires more credits|specified api usage limits"
        r"|billing hard limit|check your (?:plan and )?billing|enable billing|in arrears|overdue payment"
        r"|does(?:n't| not) have any credits",
    ),
    (
        Code.PROVIDER_AUTH,
        r"(?:incorrect|invalid|wrong|missing|no) (?:x-)?api[- ]?key"
        r"|api[- ]?key (?:is )?(?:not valid|invalid|expired|not found)|invalid authentication"
        r"|organization has been disabled",
    ),
    (
        Code.CONTENT_FILTER,
        r"content management policy|content (?:filter|policy)|flagged by|inappropriate content"
        r"|filtered due to the prompt",
    ),
)
"""Words of messages that say more than a status of 400 to 499, which providers use for many things."""

STATUSES: Final[Mapping[int, tuple[Code, str]]] = {
    400: (Code.INVALID_REQUEST, "The provider refused the request"),
    401: (Code.PROVIDER_AUTH, "The provider refused the gateway's key: check the variable that holds it"),
    402: (Code.PROVIDER_QUOTA, "The gateway's account at the provider has no credit left"),
    403: (Code.PROVIDER_AUTH, "The provider does not allow this for the gateway's key"),
    404: (Code.MODEL_NOT_FOUND, "The provider does not know this model, or the upstream's address is wrong"),
    405: (Code.MODEL_NOT_FOUND, "The upstream's address is not that of the API"),
    407: (Code.PROVIDER_AUTH, "A proxy before the provider requires a password"),
    408: (Code.TIMEOUT, "The provider timed out"),
    409: (Code.SERVER_ERROR, "The provider is busy with a conflicting request"),
    410: (Code.MODEL_NOT_FOUND, "The provider has withdrawn this model"),
    412: (Code.PROVIDER_QUOTA, "The gateway's account at the provider is suspended"),
    413: (Code.INVALID_REQUEST, "The request is too large for the provider"),
    422: (Code.INVALID_REQUEST, "The provider refused the request"),
    424: (Code.SERVER_ERROR, "The provider's model failed"),
    425: (Code.SERVER_ERROR, "The provider is not ready"),
    429: (Code.RATE_LIMIT, "The provider's rate limit is reached"),
    451: (Code.PROVIDER_AUTH, "The provider does not serve the gateway's region"),
    # console.groq.com/docs/errors: "Flex Tier Capacity Exceeded … You can try again later."
    498: (Code.RATE_LIMIT, "The provider has no capacity left for the gateway's account at the moment"),
    499: (Code.SERVER_ERROR, "The provider cancelled the request"),
    504: (Code.TIMEOUT, "The provider timed out"),
    522: (Code.TIMEOUT, "The provider timed out"),
    524: (Code.TIMEOUT, "The provider timed out"),
    598: (Code.TIMEOUT, "The provider timed out"),
}
"""Code and message by HTTP status; others from 500 on are `server_error`, others below are `invalid_request`."""

MESSAGES: Final[Mapping[Code, str]] = {
    Code.PROVIDER_AUTH: STATUSES[401][1],
    Code.PROVIDER_QUOTA: STATUSES[402][1],
    Code.RATE_LIMIT: STATUSES[429][1],
    Code.CONTENT_FILTER: "The provider's content filter refused the request",
    Code.MODEL_NOT_FOUND: STATUSES[404][1],
    Code.TIMEOUT: STATUSES[408][1],
    Code.INVALID_REQUEST: STATUSES[400][1],
    Code.SERVER_ERROR: "The provider has an internal error",
    Code.NETWORK_ERROR: "The provider lost the connection to its own model",
}
"""Message by code, for an error whose status says something else, or that has none."""


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_NAME: Final = {_key(name): code for code, names in ERROR_NAMES.items() for name in names.split()}
_BY_VAGUE_NAME: Final = {_key(name): code for code, names in VAGUE_NAMES.items() for name in names.split()}
_REQUEST_NAMES: Final = {
    _key(name): name for code in (Code.INVALID_REQUEST, Code.CONTENT_FILTER) for name in ERROR_NAMES[code].split()
}
_PHRASES: Final = [(code, re.compile(pattern, re.IGNORECASE)) for code, pattern in ERROR_PHRASES]


def error_code(status: int | None, names: Sequence[str] = (), message: str = "") -> Code:
    """Return the code of an error by its HTTP status, its names, the most specific first, and its message."""
    # "Request too large for model … on tokens per minute", with the name of a rate limit: waiting does not help.
    if status == 413:
        return Code.INVALID_REQUEST
    keys = [_key(name) for name in names]
    if code := next((_BY_NAME[key] for key in keys if key in _BY_NAME), None):
        return code
    spoken = next((code for code, pattern in _PHRASES if pattern.search(message)), None)
    if spoken is not None and (status is None or status < 500):
        return spoken
    if status is not None and status not in {400, 422}:
        return status_code(status)
    default = Code.SERVER_ERROR if status is None else Code.INVALID_REQUEST
    return next((_BY_VAGUE_NAME[key] for key in keys if key in _BY_VAGUE_NAME), default)


def request_error_name(names: Sequence[str]) -> str | None:
    """Return the documented name of what is wrong with a request, by which clients decide; None without one."""
    return next((found for name in names if (found := _REQUEST_NAMES.get(_key(name)))), None)


def is_known_name(name: str) -> bool:
    """Return True for a name that some API documents for its errors."""
    return _key(name) in _BY_NAME or _key(name) in _BY_VAGUE_NAME


def status_code(status: int) -> Code:
    """Return the code of an HTTP status from 400 on."""
    if status in STATUSES:
        return STATUSES[status][0]
    return Code.SERVER_ERROR if status >= 500 else Code.INVALID_REQUEST


def error_message(status: int | None, code: Code) -> str:
    """Return our words for an error: those of its status, unless it means something else here."""
    known = STATUSES.get(status or 0)
    return known[1] if known is not None and known[0] is code else MESSAGES[code]

"""The operations of the admin API."""

from collections.abc import Sequence
from typing import Final

from gateway.api.admin.bodies import ChangeKey, CreateKey, RaiseBudget, ResetBudget
from gateway.api.openapi import admin_bodies
from gateway.api.openapi.components import BODY_REFUSALS, INVALID_FIELDS, RefusalSpec, ResponseSpec
from gateway.api.openapi.operation import Operation
from gateway.protocol.errors import Code

NOT_OPERATOR: Final = RefusalSpec(Code.FORBIDDEN, "The role `operate` is required; pages of other origins are refused.")
MORE_RIGHTS: Final = RefusalSpec(Code.FORBIDDEN, "The key would have more rights than yours.")
NO_KEY: Final = RefusalSpec(Code.INVALID_REQUEST, "There is no key of this id.", status_override=404)
NOT_EDITABLE: Final = RefusalSpec(
    Code.INVALID_REQUEST,
    "The key can't be changed here: there is no key file, it is not in it, or it is the key of this request.",
    status_override=409,
)
NAME_IN_USE: Final = RefusalSpec(
    Code.INVALID_REQUEST, "The name is in use, or there is no key file that can be written.", status_override=409
)
NO_PRINCIPAL: Final = RefusalSpec(Code.INVALID_REQUEST, "There is no such principal.", status_override=404)
NO_BUDGET: Final = RefusalSpec(Code.INVALID_REQUEST, "The principal has no budget.", status_override=409)

ADMIN_OPERATIONS: Final[Sequence[Operation]] = (
    Operation(
        "get",
        "/api/admin/keys",
        "listKeys",
        "admin",
        "List the keys, and what they have used today",
        (ResponseSpec(200, "The keys.", admin_bodies.KeyList),),
        (NOT_OPERATOR, INVALID_FIELDS, NO_KEY),
        ("PageLimit", "AfterKey", "RequestId"),
    ),
    Operation(
        "post",
        "/api/admin/keys",
        "createKey",
        "admin",
        "Create a key; only this response contains it",
        (ResponseSpec(201, "The key.", admin_bodies.CreatedKey, headers=("X-Request-ID", "Location")),),
        (*BODY_REFUSALS, NOT_OPERATOR, MORE_RIGHTS, NAME_IN_USE),
        ("RequestId",),
        CreateKey,
        example={"name": "alice", "models": ["chat"], "limits": {"rate_limit_per_minute": 30}, "expires_in_days": 90},
        description="It is written to the key file, and accepted from now on by every gateway that uses this file.",
    ),
    Operation(
        "get",
        "/api/admin/keys/{key_id}",
        "getKey",
        "admin",
        "Get one key, and what it has used today",
        (ResponseSpec(200, "The key.", admin_bodies.Key),),
        (NOT_OPERATOR, NO_KEY),
        ("KeyId", "RequestId"),
    ),
    Operation(
        "patch",
        "/api/admin/keys/{key_id}",
        "changeKey",
        "admin",
        "Change limits, models, roles or expiry of a key; what is not given stays",
        (ResponseSpec(200, "The key as it is now.", admin_bodies.ChangedKey),),
        (*BODY_REFUSALS, NOT_OPERATOR, MORE_RIGHTS, NO_KEY, NOT_EDITABLE),
        ("KeyId", "RequestId"),
        ChangeKey,
        example={"limits": {"max_concurrent": 4}},
    ),
    Operation(
        "delete",
        "/api/admin/keys/{key_id}",
        "revokeKey",
        "admin",
        "Revoke a key: it is refused from now on",
        (ResponseSpec(200, "The key was revoked.", admin_bodies.RevokedKey),),
        (NOT_OPERATOR, NO_KEY, NOT_EDITABLE),
        ("KeyId", "RequestId"),
        description="What runs for it goes on to its end; a socket that is open can send no more commands.",
    ),
    Operation(
        "get",
        "/api/admin/budgets",
        "listBudgets",
        "admin",
        "List the budgets of this day, and what is left of them",
        (ResponseSpec(200, "The budgets.", admin_bodies.DayBudgets),),
        (NOT_OPERATOR,),
        ("RequestId",),
    ),
    Operation(
        "post",
        "/api/admin/budgets/reset",
        "resetBudget",
        "admin",
        "Let a principal spend its whole budget once more today",
        (ResponseSpec(200, "The budget as it is now.", admin_bodies.DayBudget),),
        (*BODY_REFUSALS, NOT_OPERATOR, NO_PRINCIPAL, NO_BUDGET),
        ("RequestId",),
        ResetBudget,
        example={"principal": "key:alice"},
    ),
    Operation(
        "post",
        "/api/admin/budgets/raise",
        "raiseBudget",
        "admin",
        "Let a principal spend more than its budget today",
        (ResponseSpec(200, "The budget as it is now.", admin_bodies.DayBudget),),
        (*BODY_REFUSALS, NOT_OPERATOR, NO_PRINCIPAL, NO_BUDGET),
        ("RequestId",),
        RaiseBudget,
        example={"principal": "key:alice", "usd": 2.5},
    ),
    Operation(
        "post",
        "/api/admin/reload",
        "reload",
        "admin",
        "Load the configuration again, on all gateways of the deployment",
        (
            ResponseSpec(200, "What has changed.", admin_bodies.Reloaded),
            ResponseSpec(422, "It is not valid; nothing has changed.", admin_bodies.InvalidConfiguration),
        ),
        (NOT_OPERATOR, RefusalSpec(Code.INVALID_REQUEST, "There is no file to load.", status_override=409)),
        ("RequestId",),
        description="As SIGHUP does. Running generations end with the models that they were started with.",
    ),
)

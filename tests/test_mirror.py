"""The test of a module stands at the mirrored path: `tests/PACKAGE/test_MODULE.py`, or `test_MODULE_THEME.py`."""

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TESTS: Final = ROOT / "tests"

DATA: Final = "constants and types without logic"
COMMAND: Final = "a command: its parsing is tested as part of the command line, its effect with real processes"
BENCH: Final = "tests/gateway/cli/bench/providers"

EXCEPTIONS: Final = {
    "gateway/__main__.py": (COMMAND, "tests/integration/test_processes.py"),
    "gateway/local_model.py": ("downloads and runs a real model", "tests/integration/test_local_model.py"),
    "gateway/api/bundled_files.py": ("finds the folder that is served", "tests/gateway/api/test_demo_page.py"),
    "gateway/api/admin/administration.py": ("an interface", "tests/gateway/app/test_administration.py"),
    "gateway/api/admin/bodies.py": (DATA, "tests/gateway/api/admin/test_keys.py"),
    "gateway/api/admin/routes.py": ("lists the routes", "tests/gateway/api/admin/test_access.py"),
    "gateway/api/admin/views.py": ("what the routes beside it show", "tests/gateway/api/admin/test_keys.py"),
    "gateway/api/openapi/admin_bodies.py": (DATA, "tests/gateway/api/openapi/test_response_bodies.py"),
    "gateway/api/openapi/admin_routes.py": (DATA, "tests/gateway/api/openapi/test_document.py"),
    "gateway/api/openapi/console_bodies.py": (DATA, "tests/gateway/api/openapi/test_response_bodies.py"),
    "gateway/api/openapi/console_routes.py": (DATA, "tests/gateway/api/openapi/test_document.py"),
    "gateway/api/openapi/operation.py": (DATA, "tests/gateway/api/openapi/test_document.py"),
    "gateway/app/key_upkeep.py": ("starts and ends tasks", "tests/gateway/app/test_key_activity.py"),
    "gateway/api/error_handlers.py": ("handlers of the application", "tests/gateway/app/test_application.py"),
    "gateway/api/interrupts.py": (
        "counts what two routes do",
        "tests/gateway/api/middleware/test_command_rate.py",
    ),
    "gateway/api/model_api/documents.py": (
        "what the routes beside it share",
        "tests/gateway/api/model_api/test_pass_through.py",
    ),
    "gateway/api/resumes.py": ("counts what transports do", "tests/gateway/api/test_metrics.py"),
    "gateway/telemetry/metrics/metric.py": (DATA, "tests/gateway/telemetry/metrics/test_names.py"),
    "gateway/telemetry/metrics/store_times.py": (DATA, "tests/gateway/app/test_metrics.py"),
    "gateway/server/workers/frames.py": (
        "what both ends of an exchange send",
        "tests/gateway/server/workers/test_metrics_exchange.py",
    ),
    "gateway/server/workers/metrics_link.py": (
        "the other end of the exchange",
        "tests/gateway/server/workers/test_metrics_exchange.py",
    ),
    "gateway/api/model_api/responses/end.py": (
        "waits as two routes need it",
        "tests/gateway/api/model_api/responses/test_shared.py",
    ),
    "gateway/generation/source.py": (DATA, "tests/gateway/api/test_start_source.py"),
    "gateway/generation/details.py": (DATA, "tests/gateway/generation/test_generation_replay.py"),
    "gateway/generation/generation_base.py": (
        "the parts of a generation",
        "tests/gateway/generation/test_generation.py",
    ),
    "gateway/generation/shared_generation.py": (
        "what gateways share of a generation",
        "tests/gateway/generation/test_generation_replay.py",
    ),
    "gateway/generation/log_entries.py": ("what a log consists of", "tests/gateway/generation/test_event_log.py"),
    "gateway/replicas/membership/upkeep.py": ("works only beside others", "tests/gateway/replicas/test_replica.py"),
    "gateway/generation/lease.py": (DATA, "tests/gateway/replicas/membership/test_ownership.py"),
    "gateway/pipeline/hub_base.py": ("the parts of a hub", "tests/gateway/pipeline/test_hub.py"),
    "gateway/pipeline/hub_starts.py": ("starts generations", "tests/gateway/pipeline/test_hub.py"),
    "gateway/pipeline/mirrors.py": ("counts viewers", "tests/gateway/replicas/logs/test_mirror_reader.py"),
    "gateway/protocol/credentials.py": (DATA, "tests/gateway/config/test_load.py"),
    "gateway/protocol/event_decoder.py": ("the client calls it", "tests/gateway/client/test_event_decoder.py"),
    "gateway/replicas/logs/facts.py": (DATA, "tests/gateway/replicas/test_replica.py"),
    "gateway/replicas/messaging/messages.py": (DATA, "tests/gateway/replicas/messaging/test_messenger.py"),
    "gateway/replicas/messaging/questions.py": (
        "what gateways ask each other",
        "tests/gateway/replicas/test_generations.py",
    ),
    "gateway/replicas/policy.py": (DATA, "tests/gateway/replicas/test_replica.py"),
    "gateway/pipeline/handover.py": (
        "moves what two gateways have",
        "tests/gateway/replicas/membership/test_takeover.py",
    ),
    "gateway/pipeline/ended_pipeline.py": ("does nothing", "tests/gateway/replicas/messaging/test_commands.py"),
    "gateway/store/errors.py": (DATA, "tests/gateway/replicas/test_replica.py"),
    "gateway/store/base.py": ("an interface", "tests/gateway/store/memory/test_logs.py"),
    "gateway/store/logs.py": ("an interface", "tests/gateway/store/memory/test_logs.py"),
    "gateway/store/members.py": ("an interface", "tests/gateway/store/memory/test_members.py"),
    "gateway/store/messages.py": ("an interface", "tests/gateway/store/memory/test_messages.py"),
    "gateway/store/quotas.py": ("an interface", "tests/gateway/store/memory/test_quotas.py"),
    "gateway/store/budgets.py": ("an interface", "tests/gateway/store/memory/test_budgets.py"),
    "gateway/store/slots.py": ("an interface", "tests/gateway/store/memory/test_slots.py"),
    "gateway/store/starts.py": ("an interface", "tests/gateway/store/memory/test_starts.py"),
    "gateway/store/streams.py": ("an interface", "tests/gateway/store/memory/test_streams.py"),
    "gateway/pipeline/admission.py": (DATA, "tests/gateway/replicas/limits/test_admission.py"),
    "gateway/store/values.py": ("an interface", "tests/gateway/store/memory/test_values.py"),
    "gateway/replicas/values/value_key.py": (DATA, "tests/gateway/replicas/values/test_aliases.py"),
    "gateway/api/model_api/responses/lookup.py": (
        "finds here or elsewhere",
        "tests/gateway/api/model_api/responses/test_shared.py",
    ),
    "gateway/replicas/membership/info.py": (DATA, "tests/gateway/replicas/limits/test_circuits.py"),
    "gateway/replicas/messaging/running.py": (DATA, "tests/gateway/replicas/values/test_shared_state.py"),
    "gateway/store/memory/store.py": ("the roles together", "tests/gateway/store/memory/test_logs.py"),
    **{
        f"gateway/store/redis/{name}.py": ("runs over real servers", f"tests/integration/store/{test}.py")
        for test, names in {
            "test_contract": (
                *("budgets", "logs", "messages", "quotas", "starts", "streams", "values"),
                *("client", "scripts"),
            ),
            "test_failures": ("cluster", "node", "topology"),
            "test_start": ("connector", "store"),
        }.items()
        for name in names
    },
    "gateway/config/table.py": ("the base of all tables", "tests/gateway/config/test_tables.py"),
    "gateway/api/services.py": (DATA, "tests/transports/test_viewer.py"),
    "gateway/api/openapi/__main__.py": ("writes the tested document", "tests/gateway/api/openapi/test_document.py"),
    "gateway/api/openapi/components.py": (DATA, "tests/gateway/api/openapi/test_document.py"),
    "gateway/api/openapi/routes.py": (DATA, "tests/gateway/api/openapi/test_document.py"),
    "gateway/app/services.py": ("assembles tested parts", "tests/gateway/app/test_application.py"),
    "gateway/app/jwt_authentication.py": ("builds a credential scheme", "tests/gateway/app/test_authentication.py"),
    "gateway/cli/bench_providers.py": (COMMAND, "tests/integration/test_bench_providers.py"),
    "gateway/cli/check.py": (COMMAND, "tests/integration/test_reload.py"),
    "gateway/cli/serve.py": (COMMAND, "tests/integration/test_processes.py"),
    "gateway/cli/simulate.py": (COMMAND, "tests/integration/test_processes.py"),
    "gateway/cli/bench/providers/report/cards.py": ("part of the page", f"{BENCH}/report/test_page.py"),
    "gateway/cli/bench/document.py": ("part of the page", f"{BENCH}/report/test_page.py"),
    "gateway/cli/bench/transports/measure.py": (
        "reads from a real gateway",
        "tests/integration/test_bench_transports.py",
    ),
    "gateway/cli/bench/transports/own_gateway.py": (
        "starts real processes",
        "tests/integration/test_bench_transports.py",
    ),
    "gateway/cli/bench/output.py": ("what every benchmark does at its start and end", f"{BENCH}/test_command.py"),
    "gateway/cli/bench/tables.py": ("part of the reports", f"{BENCH}/report/test_terminal.py"),
    "gateway/cli/chat/command.py": (COMMAND, "tests/integration/test_processes.py"),
    "gateway/cli/chat/screen.py": (
        "lays out the terminal; what it shows and does is tested without a screen",
        "tests/gateway/cli/chat/test_session.py",
    ),
    "gateway/config/groups/calls.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/clients.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/group.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/limits.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/listening.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/retention.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/store.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/telemetry.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/config/groups/upstream.py": (DATA, "tests/gateway/config/test_settings.py"),
    "gateway/cli/chat/settings.py": (DATA, "tests/gateway/cli/chat/test_session.py"),
    "gateway/server/listen.py": ("opens real sockets", "tests/integration/test_processes.py"),
    "gateway/server/run.py": ("runs a real process until a signal", "tests/integration/test_processes.py"),
    "gateway/server/uvicorn_server.py": ("runs a real process until a signal", "tests/integration/test_processes.py"),
    "gateway/server/workers/process.py": ("starts a real process", "tests/integration/test_workers.py"),
    "gateway/server/workers/supervise.py": ("handles real signals", "tests/integration/test_workers.py"),
    "gateway/server/raw_response.py": (
        "a response of the protocol",
        "tests/gateway/server/test_http_protocol_limits.py",
    ),
    "gateway/simulator/errors.py": (DATA, "tests/gateway/simulator/formats/test_formats.py"),
    "gateway/simulator/playback.py": ("plays a timeline to a real client", "tests/gateway/simulator/test_server.py"),
    "gateway/simulator/refusals.py": (
        "errors in the style of each format",
        "tests/gateway/simulator/formats/test_formats.py",
    ),
    "gateway/simulator/request.py": (DATA, "tests/gateway/simulator/formats/test_formats.py"),
    "gateway/simulator/formats/base.py": (
        "the interface of all formats",
        "tests/gateway/simulator/formats/test_formats.py",
    ),
    "gateway/simulator/formats/request_model.py": (
        "the base of all requests",
        "tests/gateway/simulator/formats/test_formats.py",
    ),
    "gateway/simulator/formats/responses_objects.py": (
        "the objects of one format",
        "tests/gateway/simulator/formats/test_responses.py",
    ),
    "gateway/simulator/texts/code.py": (DATA, "tests/gateway/simulator/test_script.py"),
    "gateway/simulator/texts/corpus.py": (DATA, "tests/gateway/simulator/test_script.py"),
    "gateway/simulator/texts/emoji.py": (DATA, "tests/gateway/simulator/test_script.py"),
    "gateway/simulator/texts/english.py": (DATA, "tests/gateway/simulator/test_script.py"),
    "gateway/simulator/texts/markdown.py": (DATA, "tests/gateway/simulator/test_script.py"),
    "gateway/simulator/texts/vietnamese.py": (DATA, "tests/gateway/simulator/test_script.py"),
    **{
        f"gateway/dialects/{name}.py": (reason, "tests/gateway/dialects/test_contract.py")
        for name, reason in {
            "base": "the interface of all dialects",
            "openai_chat/dialect": "the facts of one dialect",
            "openai_responses/dialect": "the facts of one dialect",
            "anthropic/dialect": "the facts of one dialect",
            "gemini/dialect": "the facts of one dialect",
            "ag_ui/dialect": "the facts of one dialect",
            "tanstack/dialect": "the facts of one dialect",
        }.items()
    },
    "gateway/upstreams/formats/base.py": ("the interface of all formats", "tests/gateway/upstreams/test_contract.py"),
    "transports/awaited_response.py": (
        "waits for the first content, for several transports",
        "tests/transports/test_text_stream.py",
    ),
    "transports/model_api/response.py": ("what an endpoint returns", "tests/transports/model_api/test_endpoint.py"),
    "transports/projected/endpoint.py": (
        "what the endpoints of all dialects share",
        "tests/transports/model_api/test_endpoint.py",
    ),
    "transports/projected/response.py": (
        "what the endpoints of all dialects return",
        "tests/transports/model_api/test_endpoint.py",
    ),
    "transports/model_api/transport.py": ("the routes of all dialects", "tests/transports/model_api/test_endpoint.py"),
    **{
        f"transports/chat_ui/ai_sdk/{name}.py": (
            "what the endpoint returns",
            "tests/transports/chat_ui/ai_sdk/test_endpoint.py",
        )
        for name in ("chats", "response", "transport")
    },
    "transports/chat_ui/ai_sdk/commands.py": (
        "executes what comes over a socket",
        "tests/transports/chat_ui/ai_sdk/test_socket.py",
    ),
    "gateway/dialects/ai_sdk/errors.py": ("one sentence", "tests/gateway/dialects/ai_sdk/test_dialect.py"),
    **{
        f"transports/model_api/responses/{name}.py": (
            "a part of what a socket executes",
            "tests/transports/model_api/responses/test_commands.py",
        )
        for name in ("errors", "lanes", "steering")
    },
    "transports/chat_ui/endpoint.py": (
        "what the endpoints of chat UIs share",
        "tests/transports/chat_ui/ag_ui/test_endpoint.py",
    ),
    "transports/chat_ui/ag_ui/transport.py": ("the routes", "tests/transports/chat_ui/ag_ui/test_endpoint.py"),
    "transports/chat_ui/tanstack/transport.py": ("the routes", "tests/transports/chat_ui/tanstack/test_endpoint.py"),
    "transports/chat_ui/tanstack/runs.py": (
        "where a client resumes a run",
        "tests/transports/chat_ui/tanstack/test_endpoint.py",
    ),
    "transports/chat_ui/tanstack/commands.py": (
        "what a socket executes",
        "tests/transports/chat_ui/tanstack/test_socket.py",
    ),
    "transports/base.py": ("the interface of all transports", "tests/transports/test_contract.py"),
}
"""Modules without a test under their own name: why, and the test that covers them."""

MODULES: Final = [
    file.relative_to(ROOT)
    for package in ("gateway", "transports")
    for file in sorted((ROOT / package).rglob("*.py"))
    if file.name != "__init__.py" or "\ndef " in file.read_text("utf-8")
]
"""All modules, and the packages that define functions themselves."""


def own_tests(module: Path) -> list[Path]:
    """Return the tests under the name of a module or package."""
    name = module.parent.name if module.name == "__init__.py" else module.stem.strip("_")
    folder = TESTS / module.parent
    return [*folder.glob(f"test_{name}.py"), *folder.glob(f"test_{name}_*.py")]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_its_test_at_the_mirrored_path(module: Path) -> None:
    exception = EXCEPTIONS.get(module.as_posix())
    if exception is None:
        assert own_tests(module), (
            f"write tests/{module.with_name(f'test_{module.name}')}, or name its test in EXCEPTIONS"
        )
    else:
        _, test = exception
        assert not own_tests(module), "it has a test of its own: remove it from EXCEPTIONS"
        assert (ROOT / test).is_file()


def test_exceptions_are_modules() -> None:
    assert EXCEPTIONS.keys() <= {module.as_posix() for module in MODULES}

"""The test files of modules: `test_architecture` checks that each module has one.

The module ``_client/inbox.py`` is tested by ``tests/_client/test_inbox.py``. Names of test files
are unique: if two folders have modules with the same name, the test file's name begins with the
folder's, as in ``tests/asgi/test_asgi_http.py``.
"""

FOLDERS = {"coverage": "event_coverage"}
"""Folders of tests with another name than the package's folder; ``coverage`` is the
coverage tool.
"""

TESTED_ELSEWHERE = {
    "_cli.bench": "_cli/test_bench_cli.py",
    "_cli.conformance": "conformance/test_conformance.py",
    "_cli.demo": "_cli/test_cli.py",
    "_cli.from_har": "har/test_har_commands.py",
    "_cli.fuzz": "fuzz/test_fuzz_command.py",
    "_cli.options": "_cli/test_cli.py",
    "_cli.replay_har": "har/test_har_commands.py",
    "_cli.screen": "_cli/test_bench_cli.py",
    "_cli.target": "_cli/test_emit.py",
    "_connection.base": "_connection/test_session.py",
    "_connection.transcript_entry": "_connection/test_transcript.py",
    "_connection.transcript_reader": "_connection/test_transcript.py",
    "_connection.transport": "_connection/test_session.py",
    "_server.active_observers": "_server/test_observers.py",
    "_server.app_exceptions": "behaviour/test_causes_of_connect.py",
    "_server.asyncio_server": "_server/test_instrumentation.py",
    "_server.handler_bodies": "event_coverage/test_coverage_counts.py",
    "_server.protocol": "_server/test_instrumentation.py",
    "_server.reachable": "_server/test_find.py",
    "_server.registered_handlers": "_server/test_observers.py",
    "_server.threaded_server": "_server/test_servers.py",
    "_sync.client": "_sync/test_sync.py",
    "_waiting.origin": "_waiting/test_work.py",
    "asgi._elsewhere": "remote/test_remote_server.py",
    "bench._plot": "_cli/test_bench_cli.py",
    "conformance._engineio_cases": "conformance/test_conformance.py",
    "conformance._probe": "conformance/test_conformance.py",
    "conformance._socketio_cases": "conformance/test_conformance.py",
    "har._plan": "har/test_har_forms.py",
    "locust._client": "locust/test_locust_users.py",
    "locust._failures": "locust/test_locust_users.py",
    "locust._loop": "locust/test_locust_users.py",
    "locust._selector": "locust/test_locust_selectors.py",
    "locust._tasks": "locust/test_locust_users.py",
    "locust._user": "locust/test_locust_users.py",
    "remote._forward": "remote/test_remote_server.py",
    "remote._pool": "remote/test_remote_scenarios.py",
    "trace._files": "trace/test_items.py",
}
"""The test file, below ``tests``, of each module without a test file of its own name."""

"""Every bound of the server that a client can come to, and the tests that it is enforced.

A bound of a setting is named by its key, one of the code by `module:NAME`. For each protocol there
is a test, or a reason without one that begins with a dash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Bound(NamedTuple):
    """A bound: what it limits, where it is, and what tests it over REST and over gRPC."""

    what: str
    where: str
    rest: str
    grpc: str


def _both(what: str, where: str, test: str) -> Bound:
    """One test of both protocols, or of what is below both."""
    return Bound(what, where, test, test)


def _each(what: str, where: str, test: str) -> Bound:
    """A test of the contract of the operations, which is run over either protocol."""
    return Bound(what, where, f"contract.test_rest.{test}", f"contract.test_rpc.{test}")


_NO_BODIES = "- gRPC has messages"
_NO_MESSAGES = "- REST has bodies"
_BY_PROTOBUF = "- the parser of protobuf reads no deeper than a hundred levels"

BOUNDS: tuple[Bound, ...] = (
    # What is sent.
    Bound(
        "bytes of a request",
        "service.max_request_size_mb",
        "contract.test_rest_bodies.LimitsTests.test_refused_before_it_is_read",
        _NO_BODIES,
    ),
    Bound(
        "bytes of a message",
        "grpc.max_message_size",
        "unit.test_grpc_web_call.WebCalls.test_a_body_that_is_too_large",
        "contract.test_rpc_guards.Messages.test_messages_that_are_too_large",
    ),
    Bound(
        "bytes that a compressed message unpacks to",
        "rpc.settings:RpcSettings.max_unpacked_size",
        "contract.test_rest_bodies.LimitsTests.test_what_unpacks_to_too_much",
        "contract.test_rpc_guards.Messages.test_compressed_messages_may_unpack_to_less",
    ),
    Bound(
        "bytes of all requests under way",
        "service.max_bodies_mb",
        "unit.test_rest_budget.Budgets.test_past_it_the_first_goes_on_alone",
        "- what unary calls hold is bounded by their number",
    ),
    Bound(
        "bodies that wait for room",
        "rest.settings:RestSettings.max_waiting_bodies",
        "unit.test_rest_admission.Room.test_no_more_than_so_many_wait",
        _NO_BODIES,
    ),
    Bound(
        "bytes of a head",
        "rest.transport.channel:MAX_HEAD_BYTES",
        "unit.test_rest_channel.Strictness.test_headers_that_are_too_large",
        "- the library takes 8 KiB of metadata",
    ),
    Bound(
        "bytes of the line of a chunk",
        "rest.transport.channel:_MAX_LENGTH_LINE",
        "integration.test_hostile_traffic.HttpTests.test_lines_and_chunks_that_are_none",
        _NO_BODIES,
    ),
    Bound(
        "depth of a body",
        "rest.bodies.shapes:MAX_DEPTH",
        "unit.test_rest_json_slices.Bombs.test_nesting",
        _BY_PROTOBUF,
    ),
    Bound(
        "arrays and objects of a body",
        "rest.bodies.shapes:MAX_HELD",
        "unit.test_rest_json_slices.Bombs.test_what_would_be_much_in_memory_is_refused",
        "- messages are parsed by the library, within the bytes that they may have",
    ),
    Bound(
        "searches or operations of a request",
        "rest.codecs.gathering:MAX_ELEMENTS",
        "unit.test_rest_json_slices.Bombs.test_many_searches",
        "- messages are parsed by the library, within the bytes that they may have",
    ),
    Bound(
        "depth of a payload",
        "rest.codecs.fields:_MAX_NESTING",
        "unit.test_rest_upserts.RefusedUpserts.test_payloads_nested_beyond_measure",
        _BY_PROTOBUF,
    ),
    Bound(
        "depth of a filter",
        "rest.codecs.filters:_MAX_DEPTH",
        "contract.test_rest_filters.FilterTests.test_filters_deeper_than_any_parser_goes",
        "contract.test_rpc_wire.BadCallTests.test_filters_deeper_than_protobuf_parses",
    ),
    _each(
        "depth of prefetches",
        "model.queries:MAX_PREFETCH_DEPTH",
        "RefusedTreesTests.test_prefetches_that_are_nested_too_deeply",
    ),
    Bound(
        "depth of a formula",
        "model.formula:MAX_EXPRESSION_DEPTH",
        "contract.test_deep_queries.RestDepths.test_expressions",
        "contract.test_deep_queries.RpcDepths.test_expressions",
    ),
    _both(
        "candidates of mmr",
        "model.query_forms:MOST_MMR_CANDIDATES",
        "unit.test_query_refusals.RefusedQueries.test_candidates_of_mmr_by_default",
    ),
    _each(
        "dimensions of a vector",
        "model.collection_params:MAX_DIMENSION",
        "ConfigurationTests.test_sizes_from_1_to_65536",
    ),
    _each(
        "characters of the name of a collection",
        "model.names:_MAX_COLLECTION_NAME",
        "CollectionsTests.test_a_name_that_is_too_long",
    ),
    _each(
        "bytes of the name of a vector",
        "model.names:_MAX_VECTOR_NAME_BYTES",
        "ConfigurationTests.test_vector_names_are_bounded",
    ),
    Bound(
        "numbers of points",
        "model.ids:MAX_INTEGER_ID",
        "contract.test_rest_bodies.BadBodyTests.test_ids_that_are_none",
        "- an id of a message has 64 bits",
    ),
    _both(
        "characters of a document without a space",
        "embedding.bm25:LONGEST_RUN",
        "unit.test_embedding_bm25.Vectors.test_a_long_run_without_separators_is_refused",
    ),
    Bound(
        "bytes of an uploaded file",
        "rest.bodies.file_upload:MOST_BYTES",
        "unit.test_rest_files.Files.test_the_bound_is_that_of_files",
        _NO_BODIES,
    ),
    Bound(
        "parts of an upload",
        "rest.bodies.file_upload:_MOST_PARTS",
        "unit.test_bounds.Uploads.test_parts",
        _NO_BODIES,
    ),
    Bound(
        "bytes of the head of a part",
        "rest.bodies.file_upload:_MOST_BUFFERED",
        "unit.test_bounds.Uploads.test_heads_of_parts",
        _NO_BODIES,
    ),
    _both(
        "characters of the id of a call",
        "middleware:_MAX_ID_LENGTH",
        "unit.test_middleware.RequestIds.test_what_cannot_go_back_is_replaced",
    ),
    # How much goes on at a time.
    Bound(
        "connections",
        "service.max_connections",
        "unit.test_rest_server.Caps.test_altogether",
        "integration.test_hostile_traffic.GrpcTests.test_connections_that_say_nothing",
    ),
    Bound(
        "connections of an address",
        "service.max_client_connections",
        "unit.test_rest_server.Caps.test_of_one_client",
        "- the library knows no addresses before a call",
    ),
    Bound(
        "calls of a connection at a time",
        "rpc.settings:RpcSettings.max_calls",
        "unit.test_rest_channel.Pipelines.test_so_many_are_answered_in_a_turn",
        "contract.test_bounds.CallsOfAConnection.test_the_next_waits",
    ),
    Bound(
        "watches of health",
        "rpc.settings:RpcSettings.max_watches",
        _NO_MESSAGES,
        "contract.test_rpc_guards.Health.test_watches_are_bounded",
    ),
    Bound(
        "streams of reflection",
        "rpc.settings:RpcSettings.max_reflections",
        _NO_MESSAGES,
        "contract.test_rpc_guards.OpenReflections.test_streams_are_bounded",
    ),
    Bound(
        "calls of a client in a second",
        "service.rate_limit",
        "contract.test_middleware.Rates.test_rest",
        "contract.test_middleware.Rates.test_grpc_calls_and_streams_of_the_same_client",
    ),
    _both(
        "clients whose rates are known",
        "security.limits:MAX_CLIENTS",
        "unit.test_security.Memory.test_many_clients_at_once_are_bounded",
    ),
    _both(
        "tokens that are known",
        "security.tokens:MAX_KNOWN",
        "unit.test_tokens.Times.test_known_tokens_are_bounded",
    ),
    _both(
        "reads that wait for a thread",
        "storage.read_pools:_MAX_WAITING",
        "contract.test_bounds.Reads.test_no_more_than_so_many_wait",
    ),
    _both(
        "updates that wait for their commit",
        "storage.writer:MOST_QUEUED",
        "contract.test_bounds.Commits.test_no_more_than_so_many_wait",
    ),
    _both(
        "bytes of updates that wait for their commit",
        "storage.writer:MOST_QUEUED_BYTES",
        "contract.test_bounds.Commits.test_no_more_than_so_many_bytes",
    ),
    _both(
        "updates that wait for the optimizer",
        "storage.write_turns:MOST_WAITING",
        "contract.test_backpressure.Waits.test_too_many",
    ),
    _both(
        "bytes of updates that wait for the optimizer",
        "storage.write_turns:MOST_WAITING_BYTES",
        "unit.test_write_turns.Limits.test_so_many_bytes",
    ),
    # Streams.
    Bound(
        "streams",
        "streaming.max_streams",
        _NO_MESSAGES,
        "integration.test_streams.FewStreamsTests.test_no_more_than_may_be_open",
    ),
    Bound(
        "memory of streams and answers",
        "streaming.memory_mb",
        "unit.test_answer_reservations.Reads.test_a_read_that_needs_more_waits_and_begins_again",
        "unit.test_streams_outgoing.Reading.test_nothing_is_read_before_its_memory_is_granted",
    ),
    Bound(
        "points of a message of a stream",
        "streaming.batch_points",
        _NO_MESSAGES,
        "unit.test_streams_outgoing.Reading.test_a_read_asks_for_no_more_than_the_settings_say",
    ),
    Bound(
        "bytes of a commit of a stream",
        "streaming.settings:_MAX_COMMIT_BYTES",
        _NO_MESSAGES,
        "unit.test_streams_incoming.Regrouping.test_bytes_are_worth_a_commit_too",
    ),
    Bound(
        "acknowledgements that wait for their client",
        "streaming.incoming:MAX_UNREAD",
        _NO_MESSAGES,
        "unit.test_streams_incoming.Acknowledging.test_a_client_that_hears_nothing_is_not_heard_for_ever",
    ),
    # Time.
    Bound(
        "seconds of a read",
        "storage.performance.search_timeout_sec",
        "contract.test_stopping.PatienceTests.test_a_time_limit_over_rest",
        "contract.test_stopping.PatienceTests.test_a_time_limit_over_grpc",
    ),
    Bound(
        "seconds of a stop",
        "vexfs.stop_grace_sec",
        "unit.test_rest_server.Stopping.test_what_takes_longer_than_the_grace_is_broken_off",
        "integration.test_rpc_server.LifecycleTests.test_stop_waits_no_longer_than_its_grace",
    ),
    # What is kept.
    _both(
        "percent of memory",
        "storage.quotas.max_resident_memory_percent",
        "unit.test_quotas.Limits.test_the_refusal_names_the_resource",
    ),
    _both(
        "percent of the disk",
        "storage.quotas.max_disk_usage_percent",
        "integration.test_quotas.QuotaTests.test_what_is_refused_while_the_disk_is_full",
    ),
    _both(
        "percent below a quota at which it is released",
        "storage.quotas.release_margin_percent",
        "unit.test_quotas.Limits.test_a_margin_below_the_limit",
    ),
    _both(
        "MiB of a log of commands",
        "vexfs.command_log.mb",
        "unit.test_engine_command_log.CommandLogTests.test_the_oldest_segments_are_removed",
    ),
    _both(
        "days of a log of commands",
        "vexfs.command_log.days",
        "unit.test_engine_command_log.CommandLogTests.test_segments_are_removed_by_their_age",
    ),
    _both(
        "files of the audit log",
        "audit.max_log_files",
        "unit.test_audit.Audits.test_a_file_a_day_and_few_of_them",
    ),
    _both(
        "lines of the audit log that wait",
        "telemetry.audit:MOST_WAITING",
        "unit.test_audit.Audits.test_nothing_is_left_out",
    ),
    _both(
        "failures that are logged in a second",
        "telemetry.calllog:MAX_FAILURES_PER_S",
        "unit.test_telemetry.Lines.test_a_flood_of_failures_is_counted_and_not_written",
    ),
    _both(
        "slow calls that are kept",
        "telemetry.slow_calls:MOST_CALLS",
        "unit.test_telemetry.Slow.test_the_slowest_are_kept",
    ),
    _both(
        "collections whose calls are counted",
        "telemetry.performance:MOST_COLLECTIONS",
        "unit.test_telemetry.Figures."
        "test_names_of_collections_that_are_not_there_take_no_more_memory",
    ),
    _both(
        "issues that are kept",
        "operations.issues:MOST_ISSUES",
        "unit.test_bounds.Kept.test_issues",
    ),
    _both(
        "collections whose rates are known",
        "operations.strict_mode.service:_MAX_COLLECTIONS",
        "unit.test_bounds.Kept.test_rates_of_collections",
    ),
    _both(
        "processes",
        "service.processes",
        "unit.test_bounds.Settings.test_numbers_out_of_range_are_refused",
    ),
)

NO_LIMITS: Mapping[str, str] = {
    "service.http_port": "a port",
    "service.grpc_port": "a port",
    "tls.cert_ttl": "when files are read again",
    "grpc.keepalive_time_ms": "when a connection is asked for a sign of life",
    "grpc.keepalive_timeout_ms": "how long that may take",
}
"""Settings that are whole numbers and limit nothing that clients do."""

INTERNAL: Mapping[str, str] = {
    "rest.transport.immediate:MAX_IMMEDIATE_BYTES": "larger answers take another way",
    "rest.transport.plain_requests:MAX_PLAIN_HEAD": "larger heads are read by another parser",
    "rpc.streams:_MOST_AHEAD": "more is decoded later",
    "rpc.errors:_MAX_DETAILS_BYTES": "longer texts are cut",
    "rpc.codecs.vector_batches:_MOST_OTHERS": "other messages are decoded one by one",
    "rpc.codecs.upserts:_MOST_OTHERS": "other messages are decoded one by one",
    "rpc.codecs.payloads:_MAX_INTEGER": "the range of a type",
    "rpc.codecs.varints:_LONGEST": "the length of a type",
    "storage.snapshot_bucket:_MOST_PARTS": "parts grow with the file",
    "storage.snapshot_bucket:_MOST_CHECKSUMS": "others are read again",
    "storage.snapshot_bucket:_MOST_TEXT": "longer texts are cut",
    "storage.snapshot_bucket:_MOST_LOGGED": "longer texts are cut",
    "storage.at_once:MOST_TOGETHER": "more reads are tried by another thread",
    "storage.queues:_MOST_TOGETHER": "larger reads are run alone",
    "storage.queues:_MOST_SHORT_QUERIES": "larger batches are long reads",
    "storage.snapshot_downloads:_LONGEST_S": "for sources that managers of the server name",
    "telemetry.tracing:MOST_WAITING": "traces past it are dropped",
    "model.system_limits:_MOST_CAUSES": "of an error of our own",
    "model.commands:MAX_SOURCE_BYTES": "of sources that no client names",
    "embedding.options:LONGEST_PREFIX": "longer prefixes are cut, or refused as an option",
    "processes.supervisor:MOST_PAUSE_S": "between two starts of a process",
    "processes.supervisor:_LONGEST_LINE": "of processes of our own",
    "throttle:_MOST": "texts that were logged; the first are forgotten",
}
"""Other constants that are named like bounds: past them something is done otherwise."""

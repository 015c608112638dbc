"""Settings from the command line, the environment and a file: precedence, reading, refusals."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.config import Config, settings
from vexfs_twisted.config_loader import collection_settings, load_config
from vexfs_twisted.model.collection import CollectionConfig
from vexfs_twisted.settings import ConfigError
from vexfs_twisted.unused_settings import ignored_keys


class WithFile(SynchronousTestCase):
    """Tests that write a configuration file."""

    def file(self, content: str) -> str:
        path = Path(self.mktemp())
        path.write_text(content)
        return str(path)

    def refusal(self, **given: dict[str, str] | str) -> str:
        options = given.get("options", {})
        environment = given.get("environment", {})
        assert isinstance(options, dict)
        assert isinstance(environment, dict)
        path = self.file(str(given["file"])) if "file" in given else None
        error = self.assertRaises(ConfigError, load_config, options, environment, path)
        text = str(error)
        self.assertEqual(len(text.splitlines()), 1, text)
        return text if path is None else text.replace(path, "FILE")


class Defaults(SynchronousTestCase):
    def test_nothing_given(self) -> None:
        config = load_config({}, {})
        self.assertEqual(config, Config())
        self.assertEqual(
            (config.host, config.http_port, config.grpc_port), ("127.0.0.1", 6333, 6334)
        )
        self.assertEqual(config.storage_path, "./vexfs-data")
        self.assertEqual(config.max_request_size, 32 * 1024 * 1024)
        self.assertEqual(config.grpc_max_message_size, 512 * 1024 * 1024)
        self.assertEqual(config.collections, CollectionConfig())

    def test_other_variables_mean_nothing(self) -> None:
        environment = {"PATH": "/bin", "HOST": "x", "HTTP_PORT": "1", "QDRANT_VERSION": "v1"}
        self.assertEqual(load_config({}, environment), Config())

    def test_every_setting_has_a_name_of_its_own(self) -> None:
        names = [setting.key for _, setting, _ in settings()]
        names += [name for _, setting, _ in settings() for name in setting.variables]
        self.assertEqual(len(names), len(set(names)))

    def test_every_setting_says_what_it_means(self) -> None:
        self.assertEqual([setting.key for _, setting, _ in settings() if not setting.help], [])

    def test_defaults_of_collections_are_told_as_they_are(self) -> None:
        told = dict(collection_settings())
        self.assertEqual(told["storage.hnsw_index.m"], CollectionConfig().hnsw_config.m)
        self.assertEqual(told["storage.optimizers.deleted_threshold"], 0.2)
        self.assertEqual(told["storage.wal.wal_capacity_mb"], 32)


class Unused(WithFile):
    """Settings that are given and not used are warned of."""

    def notices(self, file: str = "", **environment: str) -> list[str]:
        path = self.file(file)
        config = load_config({}, environment, path)
        self.assertEqual(config, Config(), "they change nothing")
        return [notice.replace(path, "FILE") for notice in config.notices]

    def test_unknown_keys_with_the_nearest_known_one(self) -> None:
        for given, expected in (
            ("service: {htp_port: 1}", "FILE: service.htp_port"),
            ("service: {http_prot: 1}", "FILE: service.http_prot"),
            ("storage: {storage_pth: /x}", "FILE: storage.storage_pth"),
            ("storage: {hnsw_index: {ef_constuct: 3}}", "FILE: storage.hnsw_index.ef_constuct"),
            ("storage: {optimizers: {indexing_treshold_kb: 1}}", "indexing_treshold_kb"),
        ):
            (notice,) = self.notices(given)
            self.assertIn(f"{expected} is no setting of this server, the nearest known is ", notice)
        (notice,) = self.notices(QDRANT__SERVICE__HTTPPORT="7")
        self.assertEqual(
            notice,
            "QDRANT__SERVICE__HTTPPORT is no setting of this server, the nearest known is "
            "service.http_port",
        )
        self.assertEqual(
            self.notices("zzz: 1"), ["FILE: zzz is no setting of this server"], "nothing is near"
        )

    def test_settings_of_qdrant_without_effect_are_one_notice(self) -> None:
        (notice,) = self.notices(
            "telemetry_disabled: true\n"
            "storage: {performance: {max_search_threads: 0}, temp_path: ./temp}\n"
            "cluster: {enabled: false, p2p: {port: 6335}}\n"
        )
        self.assertTrue(notice.startswith("without effect in this server: "), notice)
        for key in ("telemetry_disabled", "max_search_threads", "temp_path", "p2p.port"):
            self.assertIn(key, notice)

    def test_all_keys_that_are_told_to_be_without_effect_are(self) -> None:
        for key in ignored_keys():
            given = key.replace("*", "anything")
            (notice,) = self.notices(given.replace(".", ": {") + ": 1" + "}" * given.count("."))
            self.assertTrue(notice.startswith("without effect in this server: "), notice)
            self.assertIn(f"FILE: {given}", notice)

    def test_what_is_used_is_not_warned_of(self) -> None:
        path = self.file(
            "service: {http_port: 1, enable_tls: false, api_key: k}\n"
            "storage: {on_disk_payload: true, hnsw_index: {m: 8, full_scan_threshold_kb: 100},"
            " optimizers: {indexing_threshold_kb: 9, flush_interval_sec: 1},"
            " wal: {wal_capacity_mb: 8}}\n"
            "vexfs: {device: null, device_directories: [/mnt, /srv]}\n"
        )
        config = load_config({}, {"QDRANT__LOG_LEVEL": "info", "API_GRPC_PORT": "8"}, path)
        self.assertEqual(config.notices, ())
        self.assertEqual(config.device_directories, ("/mnt", "/srv"))
        self.assertEqual(
            load_config({"device-directories": "/a:/b"}, {}).device_directories, ("/a", "/b")
        )


class Precedence(WithFile):
    def test_each_source_wins_over_the_next(self) -> None:
        path = self.file("service: {http_port: 1, grpc_port: 2, max_request_size_mb: 3}")
        environment = {"QDRANT__SERVICE__HTTP_PORT": "10", "QDRANT__SERVICE__GRPC_PORT": "20"}
        config = load_config({"http-port": "100"}, environment, path)
        self.assertEqual(
            (config.http_port, config.grpc_port, config.max_request_size_mb), (100, 20, 3)
        )

    def test_the_older_names_win_over_those_of_qdrant(self) -> None:
        environment = {"API_GRPC_PORT": "7000", "QDRANT__SERVICE__GRPC_PORT": "8000"}
        self.assertEqual(load_config({}, environment).grpc_port, 7000)

    def test_an_empty_variable_is_unset(self) -> None:
        environment = {"API_GRPC_PORT": "", "QDRANT__SERVICE__GRPC_PORT": "8000", "API_API_KEY": ""}
        self.assertEqual(load_config({}, environment).grpc_port, 8000)

    def test_null_in_the_file_is_unset(self) -> None:
        self.assertEqual(load_config({}, {}, self.file("service: {http_port: null}")), Config())

    def test_a_switch(self) -> None:
        self.assertIs(load_config({}, {}).cors, True)
        self.assertIs(load_config({}, {"QDRANT__SERVICE__ENABLE_CORS": "False"}).cors, False)
        self.assertIs(load_config({}, {}, self.file("service: {enable_cors: false}")).cors, False)

    def test_bounds_of_streams(self) -> None:
        self.assertEqual(Config().stream_memory, 100 * 1024 * 1024)
        self.assertEqual((Config().stream_batch_points, Config().max_streams), (100, 100))
        environment = {"QDRANT__STREAMING__BATCH_POINTS": "50"}
        path = self.file("streaming: {memory_mb: 10, max_streams: 7}")
        config = load_config({"max-streams": "8"}, environment, path)
        self.assertEqual((config.stream_batch_points, config.max_streams), (50, 8))
        self.assertEqual(config.stream_memory, 10 * 1024 * 1024)

    def test_an_empty_file_sets_nothing(self) -> None:
        self.assertEqual(load_config({}, {}, self.file("# nothing\n")), Config())


class Environment(SynchronousTestCase):
    def test_names_of_the_older_adapter(self) -> None:
        config = load_config(
            {},
            {
                "API_GRPC_PORT": "7001",
                "API_GRPC_MAX_MESSAGE_SIZE": "1000000",
                "API_GRPC_KEEPALIVE_TIME": "11",
                "API_GRPC_KEEPALIVE_TIMEOUT": "12",
                "LOGGING_LEVEL": "DEBUG",
            },
        )
        self.assertEqual(config.grpc_port, 7001)
        self.assertEqual(config.grpc_max_message_size, 1000000)
        self.assertEqual(
            (config.grpc_keepalive_time_ms, config.grpc_keepalive_timeout_ms), (11, 12)
        )
        self.assertEqual(config.log_level, "debug")

    def test_names_of_qdrant(self) -> None:
        config = load_config(
            {},
            {
                "QDRANT__SERVICE__HOST": "0.0.0.0",
                "QDRANT__STORAGE__STORAGE_PATH": "/srv/vectors",
                "QDRANT__LOG_LEVEL": "WARN",
                "QDRANT__LOGGER__FORMAT": "json",
                "QDRANT__SERVICE__MAX_REQUEST_SIZE_MB": "64",
            },
        )
        self.assertEqual(config.host, "0.0.0.0")
        self.assertEqual(config.storage_path, "/srv/vectors")
        self.assertEqual((config.log_level, config.log_format), ("warning", "json"))
        self.assertEqual(config.max_request_size, 64 * 1024 * 1024)

    def test_the_transport_of_grpc(self) -> None:
        self.assertEqual(load_config({}, {}).grpc_transport, "auto")
        config = load_config({}, {"VEXFS_GRPC_TRANSPORT": "aio"})
        self.assertEqual(config.grpc_transport, "aio")
        error = self.assertRaises(ConfigError, load_config, {}, {"VEXFS_GRPC_TRANSPORT": "other"})
        self.assertTrue(str(error).startswith("VEXFS_GRPC_TRANSPORT: "), error)

    def test_a_bucket_of_snapshots(self) -> None:
        prefix = "QDRANT__STORAGE__SNAPSHOTS_CONFIG__"
        given = {
            f"{prefix}SNAPSHOTS_STORAGE": "s3",
            f"{prefix}S3_CONFIG__BUCKET": "b",
            f"{prefix}S3_CONFIG__ACCESS_KEY": "a-key",
            f"{prefix}S3_CONFIG__SECRET_KEY": "a-secret",
        }
        config = load_config({}, given)
        self.assertEqual((config.snapshots_storage, config.s3_bucket), ("s3", "b"))
        self.assertEqual(config.secrets, ("a-key", "a-secret"))
        self.assertNotIn("a-secret", repr(config))
        self.assertEqual(config.notices, ())
        for change, expected in (
            ({f"{prefix}S3_CONFIG__BUCKET": ""}, "s3 needs a storage.snapshots_config.s3_config"),
            ({f"{prefix}S3_CONFIG__SECRET_KEY": ""}, "an access_key and a secret_key, or neither"),
            ({"VEXFS_INCREMENTAL_SNAPSHOTS": "true"}, "in folders only, not in s3"),
            ({f"{prefix}SNAPSHOTS_STORAGE": "gcs"}, "'gcs' is none of local, s3"),
        ):
            error = self.assertRaises(ConfigError, load_config, {}, {**given, **change})
            self.assertIn(expected, str(error))

    def test_a_device(self) -> None:
        config = load_config({}, {"VEXFS_DEVICE": "/mnt/vexfs", "VEXFS_REQUIRE_DEVICE": "1"})
        self.assertEqual((config.device, config.require_device), ("/mnt/vexfs", True))
        given = {"VEXFS_DEVICE": "/mnt/vexfs"}
        self.assertEqual(load_config({"device": "/mnt/b"}, given).device, "/mnt/b")
        self.assertIsNone(load_config({"device": "none"}, given).device)
        self.assertEqual(load_config({}, {}), Config(device=None, require_device=False))

    def test_no_grpc(self) -> None:
        for word in ("none", "null", "None"):
            self.assertIsNone(load_config({"grpc-port": word}, {}).grpc_port)


class File(WithFile):
    def test_a_file_of_qdrant(self) -> None:
        path = self.file(
            """
            log_level: INFO
            telemetry_disabled: true
            storage:
              storage_path: ./storage
              snapshots_path: ./snapshots
              on_disk_payload: false
              wal: {wal_capacity_mb: 64, wal_segments_ahead: 1}
              performance: {max_search_threads: 0}
              optimizers: {deleted_threshold: 0.3, indexing_threshold_kb: 20000}
              hnsw_index: {m: 32, ef_construct: 200, on_disk: null}
            service:
              host: 0.0.0.0
              enable_cors: true
              enable_tls: false
              grpc_port: null
            cluster: {enabled: false}
            """
        )
        config = load_config({}, {}, path)
        self.assertEqual((config.storage_path, config.host), ("./storage", "0.0.0.0"))
        self.assertIsNone(config.grpc_port)
        made = config.collections
        self.assertEqual((made.hnsw_config.m, made.hnsw_config.ef_construct), (32, 200))
        self.assertEqual(made.hnsw_config.full_scan_threshold, 10000)
        self.assertEqual(made.optimizer_config.deleted_threshold, 0.3)
        self.assertEqual(made.optimizer_config.indexing_threshold, 20000)
        self.assertEqual(made.wal_config.wal_capacity_mb, 64)
        self.assertIs(made.params.on_disk_payload, False)

    def test_collection_defaults_by_environment(self) -> None:
        environment = {
            "QDRANT__STORAGE__HNSW_INDEX__M": "8",
            "QDRANT__STORAGE__ON_DISK_PAYLOAD": "false",
        }
        made = load_config({}, environment, self.file("storage: {hnsw_index: {m: 9}}")).collections
        self.assertEqual(made.hnsw_config.m, 8)
        self.assertIs(made.params.on_disk_payload, False)


class Refusals(WithFile):
    def test_a_wrong_value_names_its_source(self) -> None:
        self.assertEqual(
            self.refusal(options={"http-port": "abc"}),
            "--http-port: 'abc' is not a whole number from 0 to 65535",
        )
        self.assertEqual(
            self.refusal(environment={"QDRANT__SERVICE__HTTP_PORT": "65536"}),
            "QDRANT__SERVICE__HTTP_PORT: '65536' is not a whole number from 0 to 65535",
        )
        self.assertEqual(
            self.refusal(file="service: {http_port: -1}"),
            "FILE: service.http_port: -1 is not a whole number from 0 to 65535",
        )

    def test_a_device_must_be_given_to_be_required(self) -> None:
        complaint = "no device is given that could be required"
        given = {"require-device": "true"}
        self.assertEqual(self.refusal(options=given), f"--require-device: {complaint}")
        self.assertEqual(
            self.refusal(options={"device": "none"}, file="vexfs: {require_device: true}"),
            f"FILE: vexfs.require_device: {complaint}",
        )

    def test_wrong_values_of_each_kind(self) -> None:
        for options in (
            {"require-device": "perhaps"},
            {"device": ""},
            {"host": "nowhere.example"},
            {"host": ""},
            {"http-port": "none"},
            {"http-port": "63.33"},
            {"max-request-size-mb": "0"},
            {"grpc-max-message-size": "0"},
            {"stream-batch-points": "0"},
            {"stream-memory-mb": "0"},
            {"max-streams": "401"},
            {"grpc-max-message-size": str(2**31)},
            {"storage-path": ""},
            {"log-level": "loud"},
            {"log-format": "xml"},
        ):
            (name,) = options
            self.assertTrue(self.refusal(options=options).startswith(f"--{name}: "), options)

    def test_a_value_of_the_wrong_type_in_the_file(self) -> None:
        for content in (
            "service: {http_port: true}",
            "service: {http_port: [1]}",
            "storage: {storage_path: 5}",
            "log_level: {a: 1}\nservice: {host: 7}",
        ):
            self.assertTrue(self.refusal(file=content).startswith("FILE: "), content)

    def test_a_file_that_cannot_be_read(self) -> None:
        error = self.assertRaises(ConfigError, load_config, {}, {}, "/no/such/file.yaml")
        self.assertEqual(
            str(error), "--config-path: cannot read /no/such/file.yaml: No such file or directory"
        )
        self.assertTrue(self.refusal(file="a: [1").startswith("FILE: line 1: not valid YAML"))
        self.assertEqual(self.refusal(file="[1]"), "FILE: the file must hold a mapping of sections")
        path = Path(self.mktemp())
        path.write_bytes(b"\xff\xfe\x00\xd8")
        self.assertRaises(ConfigError, load_config, {}, {}, str(path))

    def test_collection_defaults_out_of_range(self) -> None:
        self.assertEqual(
            self.refusal(file="storage: {hnsw_index: {ef_construct: 1}}"),
            "storage.hnsw_index.ef_construct: value 1 invalid, must be 4 or larger",
        )
        text = self.refusal(environment={"QDRANT__STORAGE__HNSW_INDEX__M": "many"})
        self.assertIn("storage.hnsw_index", text)
        self.assertIn("many", text)

    def test_tokens_that_nothing_could_sign(self) -> None:
        """A server that would run open although it is told to be closed must not run at all."""
        for environment in (
            {"QDRANT__SERVICE__JWT_RBAC": "1"},
            {"QDRANT__SERVICE__JWT_RBAC": "perhaps"},
            {"QDRANT__SERVICE__JWT_RBAC": "1", "QDRANT__SERVICE__READ_ONLY_API_KEY": "secret"},
        ):
            text = self.refusal(environment=environment)
            self.assertTrue(text.startswith(next(iter(environment))), text)
            self.assertNotIn("secret", text)
        config = load_config({}, {}, self.file("service: {alt_api_key: a, jwt_rbac: true}"))
        self.assertTrue(config.jwt_rbac)

    def test_protection_switched_off_is_no_refusal(self) -> None:
        environment = {"QDRANT__SERVICE__ENABLE_TLS": "false", "QDRANT__SERVICE__JWT_RBAC": "0"}
        self.assertEqual(load_config({}, environment), Config())
        path = self.file("service: {enable_tls: false, jwt_rbac: null, read_only_api_key: null}")
        self.assertEqual(load_config({}, {}, path), Config())


class Tls(WithFile):
    def test_the_settings_of_qdrant(self) -> None:
        path = self.file(
            "service: {enable_tls: true, verify_https_client_certificate: true}\n"
            "tls: {cert: a.pem, key: b.pem, ca_cert: c.pem, cert_ttl: 60}\n"
        )
        config = load_config({}, {}, path)
        self.assertTrue(config.enable_tls and config.verify_client_certificate)
        files = (config.tls_cert, config.tls_key, config.tls_ca_cert, config.tls_cert_ttl_s)
        self.assertEqual(files, ("a.pem", "b.pem", "c.pem", 60))
        self.assertEqual(config.notices, ())
        config = load_config({}, {}, self.file("tls: {cert_ttl: null}"))
        self.assertIsNone(config.tls_cert_ttl_s)

    def test_certificates_of_clients_need_tls(self) -> None:
        text = self.refusal(environment={"QDRANT__SERVICE__VERIFY_HTTPS_CLIENT_CERTIFICATE": "1"})
        self.assertIn("VERIFY_HTTPS_CLIENT_CERTIFICATE: without service.enable_tls", text)

    def test_values_that_cannot_be_used(self) -> None:
        for content in ("cert: ''", "key: 5", "cert_ttl: 0", "cert_ttl: soon"):
            self.assertIn("tls.", self.refusal(file=f"tls: {{{content}}}"))


class Endpoints(WithFile):
    def test_lists_and_lines(self) -> None:
        expected = ("tcp:1", "unix:/a b")
        path = self.file("vexfs: {rest_endpoints: ['tcp:1', 'unix:/a b']}")
        self.assertEqual(load_config({}, {}, path).rest_endpoints, expected)
        given = load_config({"rest-endpoint": "tcp:1\nunix:/a b"}, {})
        self.assertEqual(given.rest_endpoints, expected)

    def test_what_cannot_be_used(self) -> None:
        for content in ("5", "[1]", "['']"):
            text = self.refusal(file=f"vexfs: {{rest_endpoints: {content}}}")
            self.assertIn("vexfs.rest_endpoints", text)

    def test_they_are_of_one_process(self) -> None:
        text = self.refusal(options={"rest-endpoint": "tcp:1", "processes": "2"})
        self.assertEqual(text, "--rest-endpoint: endpoints are not shared by several processes")


class Keys(WithFile):
    def test_every_way_to_give_a_key(self) -> None:
        path = self.file("service: {api_key: from-file, alt_api_key: the-other}")
        config = load_config({}, {}, path)
        self.assertEqual(config.api_keys, ("from-file", "the-other"))
        qdrant = {"QDRANT__SERVICE__API_KEY": "from-qdrant"}
        self.assertEqual(load_config({}, qdrant, path).api_keys, ("from-qdrant", "the-other"))
        older = {**qdrant, "API_API_KEY": "from-adapter"}
        self.assertEqual(load_config({}, older, path).api_keys, ("from-adapter", "the-other"))

    def test_digits_in_the_environment_are_a_key(self) -> None:
        for key in ("12345", "0", "false"):
            self.assertEqual(load_config({}, {"API_API_KEY": key}).api_keys, (key,))

    def test_no_key(self) -> None:
        self.assertEqual(load_config({}, {"API_API_KEY": ""}).api_keys, ())
        for content in ("service: {api_key: null}", "service: {api_key: ''}"):
            self.assertEqual(load_config({}, {}, self.file(content)).api_keys, ())

    def test_a_key_that_no_client_could_send_is_refused_unseen(self) -> None:
        for key in (" 1secret", "1secret\n", "1secr\tet", "1secret\u00fc"):
            text = self.refusal(environment={"API_API_KEY": key})
            self.assertTrue(text.startswith("API_API_KEY: "), text)
            self.assertNotIn("1secr", text)

    def test_yaml_that_reads_a_key_as_something_else_is_refused_unseen(self) -> None:
        """0123 would be 83, and 1e5 something else again."""
        for key in ("0123", "83", "1.50", "true", "[a]"):
            text = self.refusal(file=f"service: {{api_key: {key}}}")
            self.assertIn("service.api_key: ", text)
            self.assertNotIn(key, text)

    def test_keys_are_not_shown(self) -> None:
        config = load_config({}, {"API_API_KEY": "1secret", "QDRANT__SERVICE__ALT_API_KEY": "2nd"})
        self.assertNotIn("1secret", repr(config))
        self.assertNotIn("2nd", repr(config))


class Calls(WithFile):
    def test_how_many_calls_and_how_they_are_logged(self) -> None:
        config = load_config({}, {})
        self.assertEqual((config.rate_limit, config.log_calls), (10_000, "debug"))
        path = self.file("service: {rate_limit: 5}\nlogger: {calls: info}")
        config = load_config({}, {}, path)
        self.assertEqual((config.rate_limit, config.log_calls), (5, "info"))
        self.assertEqual(load_config({"rate-limit": "0"}, {}, path).rate_limit, 0)
        self.assertTrue(self.refusal(options={"rate-limit": "-1"}).startswith("--rate-limit: "))

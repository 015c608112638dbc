"""Collection configuration: reading, defaults, changes, echo."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.jsonform.collections import (
    config_from_json,
    config_to_json,
    dump_collection_config,
    load_collection_config,
    read_alias_actions,
    read_create_collection,
    read_update_collection,
)
from vexfs_twisted.model.collection import (
    CollectionConfig,
    CreateAlias,
    DeleteAlias,
    RenameAlias,
    changed_config,
    new_config,
)
from vexfs_twisted.model.collection_params import StrictModeConfig
from vexfs_twisted.model.errors import (
    BadInput,
    DomainError,
    FormatError,
    NotSupported,
    ValidationError,
)

SPACE = {"size": 4, "distance": "Dot"}


def created(body: dict[str, Any]) -> CollectionConfig:
    """The configuration of a collection created with the JSON `body`."""
    return new_config(read_create_collection(body), CollectionConfig())


def changed(config: CollectionConfig, body: dict[str, Any]) -> CollectionConfig:
    """`config` after a PATCH with the JSON `body`, and once through its stored form."""
    return load_collection_config(
        dump_collection_config(changed_config(config, read_update_collection(body)))
    )


class CreateTests(SynchronousTestCase):
    """What a request for a collection becomes."""

    def test_defaults_are_those_of_the_interface(self) -> None:
        echoed = config_to_json(created({"vectors": SPACE}))
        self.assertEqual(
            echoed,
            {
                "params": {
                    "vectors": SPACE,
                    "shard_number": 1,
                    "replication_factor": 1,
                    "write_consistency_factor": 1,
                    "on_disk_payload": True,
                },
                "hnsw_config": {
                    "m": 16,
                    "ef_construct": 100,
                    "full_scan_threshold": 10000,
                    "max_indexing_threads": 0,
                    "on_disk": False,
                },
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "max_segment_size": None,
                    "memmap_threshold": None,
                    "indexing_threshold": 10000,
                    "flush_interval_sec": 5,
                    "max_optimization_threads": None,
                    "prevent_unoptimized": None,
                },
                "wal_config": {
                    "wal_capacity_mb": 32,
                    "wal_segments_ahead": 0,
                    "wal_retain_closed": 1,
                },
                "quantization_config": None,
            },
        )

    def test_the_form_of_an_unnamed_vector_is_kept(self) -> None:
        for vectors in (SPACE, {"": SPACE}, {}, {"": SPACE, "b": SPACE}, {"b": SPACE}):
            config = created({"vectors": vectors, "unnamed_in_map": True})
            self.assertEqual(config_to_json(config)["params"]["vectors"], vectors)
            self.assertNotIn("unnamed_in_map", config_to_json(config)["params"])
            self.assertEqual(load_collection_config(dump_collection_config(config)), config)
            config = changed(config, {"metadata": {"a": 1}, "unnamed_in_map": False})
            self.assertEqual(config_to_json(config)["params"]["vectors"], vectors)

    def test_what_an_older_version_stored_is_read(self) -> None:
        stored = config_to_json(created({"vectors": {"": SPACE}}))
        # It wrote both forms as this one.
        stored["params"]["vectors"] = SPACE
        self.assertEqual(config_from_json(stored), created({"vectors": SPACE}))

    def test_vectors_are_not_null(self) -> None:
        self.assertRaises(FormatError, read_create_collection, {"vectors": None})

    def test_only_what_was_set_is_echoed(self) -> None:
        space = {**SPACE, "on_disk": False, "hnsw_config": {"m": 3}, "datatype": "float16"}
        binary: dict[str, Any] = {"binary": {"encoding": "two_bits"}}
        body: dict[str, Any] = {
            "vectors": {"image": space, "text": SPACE},
            "sparse_vectors": {"words": {"modifier": "idf"}},
            "quantization_config": binary,
            "strict_mode_config": {"enabled": False, "max_query_limit": 7},
            "metadata": {"owner": {"name": "x"}, "gone": None},
        }
        echoed = config_to_json(created(body))
        self.assertEqual(echoed["params"]["vectors"], {"image": space, "text": SPACE})
        self.assertEqual(echoed["params"]["sparse_vectors"], {"words": {"modifier": "idf"}})
        self.assertEqual(echoed["quantization_config"], binary)
        self.assertEqual(echoed["strict_mode_config"], {"enabled": False, "max_query_limit": 7})
        self.assertEqual(echoed["metadata"], {"owner": {"name": "x"}})

    def test_every_quantization_is_kept(self) -> None:
        for config in (
            {"scalar": {"type": "int8", "quantile": 0.5, "always_ram": True}},
            {"product": {"compression": "x16", "memory": "cold"}},
            {"binary": {"always_ram": False, "query_encoding": "scalar8bits"}},
            {"turbo": {"bits": "bits1_5", "memory": "pinned"}},
        ):
            kept = load_collection_config(
                dump_collection_config(created({"quantization_config": config}))
            )
            self.assertEqual(config_to_json(kept)["quantization_config"], config)

    def test_the_older_name_of_quantization_config(self) -> None:
        config = created({"quantization": {"scalar": {"type": "int8"}}})
        self.assertIsNotNone(config.quantization_config)

    def test_nulls_and_unknown_fields_count_for_nothing(self) -> None:
        nulls = {"sharding_method": None, "wal_config": None}
        body = {"vectors": SPACE, "novelty": [1], **nulls}
        self.assertEqual(created(body), created({"vectors": SPACE}))

    def test_no_vectors_at_all(self) -> None:
        bodies: list[dict[str, Any]] = [{}, {"vectors": {}}]
        for body in bodies:
            self.assertEqual(config_to_json(created(body))["params"]["vectors"], {})

    def test_a_vector_may_be_called_size(self) -> None:
        config = created({"vectors": {"size": SPACE}})
        self.assertEqual(list(config.params.vectors), ["size"])

    def test_values_out_of_range(self) -> None:
        cases = {
            "[vectors.size: value 65537 invalid, must be from 1 to 65536]": {
                "vectors": {**SPACE, "size": 65537}
            },
            "hnsw_config.ef_construct": {"hnsw_config": {"ef_construct": 0}},
            "shard_number: value 0": {"shard_number": 0},
            "vectors.memory: `pinned` memory placement is not supported for dense vector storage": {
                "vectors": {**SPACE, "memory": "pinned"}
            },
            "payload.memory: `pinned` memory": {"payload": {"memory": "pinned"}},
            "sparse_vectors.?.index.datatype: sparse vectors do not support": {
                "sparse_vectors": {"s": {"index": {"datatype": "turbo4"}}}
            },
        }
        for text, body in cases.items():
            error = self.assertRaises(ValidationError, created, body)
            self.assertIn(text, str(error))
        for size in (1, 65536):
            created({"vectors": {**SPACE, "size": size}})

    def test_wrong_types(self) -> None:
        bodies: list[dict[str, Any]] = [
            {"shard_number": -1},
            {"shard_number": "1"},
            {"shard_number": 1.5},
            {"vectors": 5},
            {"vectors": {"size": 4}},
            {"vectors": {"size": 4, "distance": "dot"}},
            {"vectors": {"size": True, "distance": "Dot"}},
            {"quantization_config": {"scalar": {}}},
            {"quantization_config": {"other": {}}},
            {"on_disk_payload": 1},
            {"metadata": []},
            {"optimizers_config": {"max_optimization_threads": "many"}},
        ]
        for body in bodies:
            self.assertRaises(FormatError, created, body)
        self.assertRaises(FormatError, read_create_collection, [])

    def test_names_that_clash(self) -> None:
        both = {"vectors": {"image": SPACE}, "sparse_vectors": {"image": {}}}
        error = self.assertRaises(BadInput, created, both)
        self.assertIn("must be unique - duplicate found with 'image'", str(error))
        error = self.assertRaises(BadInput, created, {"sparse_vectors": {"": {}}})
        self.assertIn("Sparse vector name cannot be empty", str(error))


class UpdateTests(SynchronousTestCase):
    """What a change makes of a configuration."""

    def test_unset_fields_stay(self) -> None:
        config = changed(created({"vectors": SPACE}), {"hnsw_config": {"ef_construct": 50}})
        self.assertEqual((config.hnsw_config.m, config.hnsw_config.ef_construct), (16, 50))

    def test_vectors_change_by_name(self) -> None:
        config = created({"vectors": {**SPACE, "hnsw_config": {"m": 3}}})
        patch = {"vectors": {"": {"hnsw_config": {"ef_construct": 9}, "on_disk": True}}}
        vectors = config_to_json(changed(config, patch))["params"]["vectors"]
        self.assertEqual(vectors["hnsw_config"], {"m": 3, "ef_construct": 9})
        self.assertIs(vectors["on_disk"], True)
        error = self.assertRaises(DomainError, changed, config, {"vectors": {"x": {}}})
        self.assertEqual(str(error), "Wrong input: Not existing vector name error: x")

    def test_quantization_is_replaced_whole_or_removed(self) -> None:
        config = created({"quantization_config": {"scalar": {"type": "int8"}}})
        config = changed(config, {"quantization_config": {"product": {"compression": "x4"}}})
        echoed = config_to_json(config)["quantization_config"]
        self.assertEqual(echoed, {"product": {"compression": "x4"}})
        config = changed(config, {"quantization_config": "Disabled"})
        self.assertIsNone(config.quantization_config)

    def test_metadata_merges_and_null_removes(self) -> None:
        config = created({"metadata": {"a": 1, "b": {"c": 2}}})
        config = changed(config, {"metadata": {"a": None, "b": {"d": 3}, "e": "f"}})
        self.assertEqual(config.metadata, {"b": {"d": 3}, "e": "f"})

    def test_metadata_that_is_empty_is_kept(self) -> None:
        self.assertNotIn("metadata", config_to_json(created({})))
        for config in (
            created({"metadata": {}}),
            created({"metadata": {"a": None}}),
            changed(created({}), {"metadata": {}}),
            changed(created({"metadata": {"a": 1}}), {"metadata": {"a": None}}),
            changed(created({"metadata": {}}), {"metadata": None}),
        ):
            self.assertEqual(config_to_json(config)["metadata"], {})

    def test_strict_mode_merges_and_null_unsets_nothing(self) -> None:
        config = created({"strict_mode_config": {"enabled": False, "max_query_limit": 5}})
        config = changed(config, {"strict_mode_config": {"enabled": None, "max_timeout": 3}})
        self.assertEqual(
            config_to_json(config)["strict_mode_config"],
            {"enabled": False, "max_query_limit": 5, "max_timeout": 3},
        )

    def test_what_would_have_no_effect_is_refused(self) -> None:
        error = self.assertRaises(NotSupported, created, {"sharding_method": "custom"})
        self.assertIn("sharding_method", error.message)
        self.assertTrue(error.message.endswith(" is not supported yet"))

    def test_what_an_older_version_took_can_still_be_changed(self) -> None:
        strict = StrictModeConfig(enabled=True)
        config = evolve(created({}), strict_mode_config=strict)
        self.assertEqual(load_collection_config(dump_collection_config(config)), config)
        self.assertEqual(changed(config, {"metadata": {"a": 1}}).strict_mode_config, strict)
        config = changed(config, {"strict_mode_config": {"enabled": False}})
        self.assertEqual(config.strict_mode_config, StrictModeConfig(enabled=False))

    def test_automatic_threads_unset_the_number(self) -> None:
        config = changed(created({}), {"optimizers_config": {"max_optimization_threads": 3}})
        self.assertEqual(config.optimizer_config.max_optimization_threads, 3)
        config = changed(config, {"optimizers_config": {"max_optimization_threads": "auto"}})
        self.assertIsNone(config.optimizer_config.max_optimization_threads)

    def test_sparse_vectors_change_by_name(self) -> None:
        config = created({"sparse_vectors": {"s": {"index": {"on_disk": True}}}})
        config = changed(config, {"sparse_vectors": {"s": {"modifier": "idf"}}})
        self.assertEqual(
            config_to_json(config)["params"]["sparse_vectors"],
            {"s": {"index": {"on_disk": True}, "modifier": "idf"}},
        )


class AliasActionTests(SynchronousTestCase):
    """Reading changes of aliases."""

    def test_each_action(self) -> None:
        actions = [
            {"create_alias": {"collection_name": "c", "alias_name": "a"}},
            {"rename_alias": {"old_alias_name": "a", "new_alias_name": "b"}},
            {"delete_alias": {"alias_name": "b"}},
        ]
        self.assertEqual(
            read_alias_actions({"actions": actions}),
            [CreateAlias("c", "a"), RenameAlias("a", "b"), DeleteAlias("b")],
        )

    def test_what_is_no_action(self) -> None:
        bodies: list[object] = [{}, [], {"actions": {}}, {"actions": [{"x": {}}]}, {"actions": [1]}]
        for body in bodies:
            self.assertRaises(FormatError, read_alias_actions, body)
        incomplete = {"actions": [{"create_alias": {"alias_name": "a"}}]}
        error = self.assertRaises(FormatError, read_alias_actions, incomplete)
        self.assertIn("missing field `collection_name`", str(error))

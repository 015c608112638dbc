"""Configuration: accepted, completed with defaults, echoed, merged and refused."""

from __future__ import annotations

import attrs

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, unnamed
from vexfs_twisted.model.collection import (
    CollectionConfig,
    CollectionInfoRequest,
    CollectionParams,
    CollectionParamsDiff,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    BinaryEncoding,
    BinaryQuantization,
    BinaryQueryEncoding,
    CompressionRatio,
    Datatype,
    Disabled,
    Distance,
    HnswConfig,
    HnswConfigDiff,
    Memory,
    Modifier,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfig,
    OptimizersConfigDiff,
    PayloadStorageParams,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    ShardingMethod,
    SparseIndexParams,
    SparseVectorParams,
    StrictModeConfig,
    StrictModeMultivector,
    StrictModeSparse,
    TurboBits,
    TurboQuantization,
    VectorParams,
    VectorParamsDiff,
    WalConfig,
    WalConfigDiff,
)
from vexfs_twisted.model.errors import BadInput, ValidationError

_SCALAR = QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8, 0.5, True))
_PRODUCT = QuantizationConfig(product=ProductQuantization(CompressionRatio.X32))

_QUANTIZATIONS = (
    _SCALAR,
    _PRODUCT,
    QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8, memory=Memory.PINNED)),
    QuantizationConfig(product=ProductQuantization(CompressionRatio.X4, False, Memory.COLD)),
    QuantizationConfig(binary=BinaryQuantization()),
    QuantizationConfig(
        binary=BinaryQuantization(
            True, BinaryEncoding.ONE_AND_HALF_BITS, BinaryQueryEncoding.SCALAR_8_BITS
        )
    ),
    QuantizationConfig(turbo=TurboQuantization(bits=TurboBits.BITS_1_5, memory=Memory.CACHED)),
)

_FULL = CreateCollection(
    vectors={
        "image": VectorParams(
            Distance.EUCLID,
            8,
            HnswConfigDiff(m=24, on_disk=False),
            _SCALAR,
            on_disk=False,
            datatype=Datatype.FLOAT16,
            memory=Memory.CACHED,
        ),
        "words": VectorParams(
            Distance.COSINE, 4, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        ),
    },
    sharding_method=ShardingMethod.AUTO,
    shard_number=1,
    replication_factor=2,
    write_consistency_factor=1,
    on_disk_payload=False,
    payload=PayloadStorageParams(Memory.COLD),
    hnsw_config=HnswConfigDiff(m=8, payload_m=4, inline_storage=False, memory=Memory.COLD),
    wal_config=WalConfigDiff(wal_capacity_mb=16),
    optimizers_config=OptimizersConfigDiff(
        deleted_threshold=0.25,
        indexing_threshold=0,
        max_segment_size=5000,
        prevent_unoptimized=False,
    ),
    quantization_config=_PRODUCT,
    sparse_vectors={
        "text": SparseVectorParams(
            SparseIndexParams(1000, True, Datatype.UINT8, Memory.COLD), Modifier.IDF
        ),
        "plain": SparseVectorParams(),
    },
    strict_mode_config=StrictModeConfig(
        enabled=False,
        max_query_limit=100,
        search_max_oversampling=1.5,
        multivector_config={"words": StrictModeMultivector(5)},
        sparse_config={"text": StrictModeSparse(9)},
    ),
    metadata={"name": "x", "nested": {"list": [1, 2.5, None, True]}},
)


class ConfigurationContract(ContractCase):
    """The configuration requested, and the one echoed."""

    async def config(self, request: CreateCollection | None = None) -> CollectionConfig:
        """The echoed configuration; first creates the collection by `request`, if given."""
        if request is not None:
            await self.create(request)
        return (await self.operations.read(NAME, CollectionInfoRequest())).config

    async def change(self, **parts: object) -> CollectionConfig:
        """Update the collection; returns its configuration afterwards."""
        request = UpdateCollection(**parts)  # type: ignore[arg-type]
        self.assertIs(await self.operations.update_collection(NAME, request), True)
        return await self.config()

    async def test_defaults(self) -> None:
        expected = CollectionConfig(
            params=CollectionParams(
                vectors={"": VectorParams(Distance.DOT, 4)},
                shard_number=1,
                replication_factor=1,
                write_consistency_factor=1,
                on_disk_payload=True,
            ),
            hnsw_config=HnswConfig(16, 100, 10000, 0, False),
            optimizer_config=OptimizersConfig(0.2, 1000, 0, None, None, 10000, 5, None),
            wal_config=WalConfig(32, 0, 1),
        )
        self.assertEqual(await self.config(unnamed()), expected)

    async def test_everything_that_was_set_is_echoed_and_nothing_else(self) -> None:
        expected = CollectionConfig(
            params=CollectionParams(
                vectors=_FULL.vectors,
                sharding_method=ShardingMethod.AUTO,
                replication_factor=2,
                on_disk_payload=False,
                payload=PayloadStorageParams(Memory.COLD),
                sparse_vectors=_FULL.sparse_vectors,
            ),
            hnsw_config=HnswConfig(m=8, payload_m=4, inline_storage=False, memory=Memory.COLD),
            optimizer_config=OptimizersConfig(
                deleted_threshold=0.25,
                max_segment_size=5000,
                indexing_threshold=0,
                prevent_unoptimized=False,
            ),
            wal_config=WalConfig(wal_capacity_mb=16),
            quantization_config=_PRODUCT,
            strict_mode_config=_FULL.strict_mode_config,
            metadata=_FULL.metadata,
        )
        self.assertEqual(await self.config(_FULL), expected)

    async def test_every_quantization(self) -> None:
        for number, quantization in enumerate(_QUANTIZATIONS):
            params = VectorParams(Distance.DOT, 4, quantization_config=quantization)
            request = CreateCollection({"": params}, quantization_config=quantization)
            await self.create(request, name=f"c{number}")
            config = (await self.operations.read(f"c{number}", CollectionInfoRequest())).config
            self.assertEqual(config.quantization_config, quantization)
            self.assertEqual(config.params.vectors, {"": params})

    async def test_every_distance_and_datatype(self) -> None:
        vectors = {
            f"{distance.name}-{datatype.name}": VectorParams(distance, 3, datatype=datatype)
            for distance in Distance
            for datatype in Datatype
        }
        config = await self.config(CreateCollection(vectors))
        self.assertEqual(config.params.vectors, vectors)

    async def test_the_unnamed_vector_beside_named_ones(self) -> None:
        vectors = {"": VectorParams(Distance.DOT, 4), "b": VectorParams(Distance.COSINE, 2)}
        config = await self.config(CreateCollection(vectors))
        self.assertEqual(config.params.vectors, vectors)

    async def test_an_empty_name_map(self) -> None:
        self.assertEqual((await self.config(CreateCollection({}))).params.vectors, {})

    async def test_sizes_from_1_to_65536(self) -> None:
        for size in (1, 65536):
            await self.create(unnamed(size), name=str(size))
        for size in (0, 65537):
            await self.refused(
                ValidationError,
                self.operations.create_collection(NAME, unnamed(size)),
                f"[vectors.size: value {size} invalid, must be from 1 to 65536]",
            )
        self.assertEqual(await self.operations.list_collections(), ["1", "65536"])

    async def test_values_out_of_range_are_refused_where_they_stand(self) -> None:
        requests = {
            "hnsw_config.ef_construct": unnamed(hnsw_config=HnswConfigDiff(ef_construct=0)),
            "shard_number": unnamed(shard_number=0),
            "replication_factor": unnamed(replication_factor=0),
            "write_consistency_factor": unnamed(write_consistency_factor=0),
            "deleted_threshold": unnamed(
                optimizers_config=OptimizersConfigDiff(deleted_threshold=1.5)
            ),
        }
        for where, request in requests.items():
            error = await self.refused(
                ValidationError, self.operations.create_collection(NAME, request)
            )
            self.assertIn(where, error.message)
        self.assertIs(await self.operations.collection_exists(NAME), False)

    async def test_pinned_memory_is_refused_for_vectors_and_payloads(self) -> None:
        pinned = VectorParams(Distance.DOT, 4, memory=Memory.PINNED)
        for request in (
            CreateCollection({"": pinned}),
            unnamed(payload=PayloadStorageParams(Memory.PINNED)),
        ):
            error = await self.refused(
                ValidationError, self.operations.create_collection(NAME, request)
            )
            self.assertIn("pinned", error.message)
        await self.create()
        change = UpdateCollection(vectors={"": VectorParamsDiff(memory=Memory.PINNED)})
        error = await self.refused(ValidationError, self.operations.update_collection(NAME, change))
        self.assertIn("pinned", error.message)

    async def test_dense_and_sparse_vectors_share_their_names(self) -> None:
        request = CreateCollection(
            {"image": VectorParams(Distance.DOT, 4)}, sparse_vectors={"image": SparseVectorParams()}
        )
        await self.refused(
            BadInput,
            self.operations.create_collection(NAME, request),
            "Wrong input: Dense and sparse vector names must be unique"
            " - duplicate found with 'image'",
        )

    async def test_a_sparse_vector_needs_a_name(self) -> None:
        request = unnamed(sparse_vectors={"": SparseVectorParams()})
        await self.refused(
            BadInput,
            self.operations.create_collection(NAME, request),
            "Wrong input: Sparse vector name cannot be empty",
        )

    async def test_vector_names_are_bounded(self) -> None:
        longest = "n" * 200
        await self.create(CreateCollection({longest: VectorParams(Distance.DOT, 2)}))
        await self.put(Point(1, {longest: [1, 2]}))
        self.assert_vectors(await self.only(1), {longest: [1, 2]})
        for name in ("n" * 201, "a/b"):
            request = CreateCollection({name: VectorParams(Distance.DOT, 2)})
            await self.refused(BadInput, self.operations.create_collection("second", request))

    async def test_update_of_the_graph_settings_keeps_the_others(self) -> None:
        await self.create(unnamed(hnsw_config=HnswConfigDiff(payload_m=4)))
        config = await self.change(hnsw_config=HnswConfigDiff(ef_construct=123))
        self.assertEqual(config.hnsw_config, HnswConfig(ef_construct=123, payload_m=4))

    async def test_update_of_the_optimizer(self) -> None:
        await self.create()
        config = await self.change(
            optimizers_config=OptimizersConfigDiff(
                indexing_threshold=5, max_segment_size=10000, max_optimization_threads=2
            )
        )
        expected = OptimizersConfig(
            indexing_threshold=5, max_segment_size=10000, max_optimization_threads=2
        )
        self.assertEqual(config.optimizer_config, expected)
        config = await self.change(
            optimizers_config=OptimizersConfigDiff(max_optimization_threads="auto")
        )
        unset = attrs.evolve(expected, max_optimization_threads=None)
        self.assertEqual(config.optimizer_config, unset)

    async def test_update_of_the_parameters(self) -> None:
        await self.create()
        config = await self.change(
            params=CollectionParamsDiff(
                replication_factor=3,
                read_fan_out_factor=2,
                on_disk_payload=False,
                payload=PayloadStorageParams(Memory.CACHED),
            )
        )
        expected = CollectionParams(
            vectors={"": VectorParams(Distance.DOT, 4)},
            replication_factor=3,
            read_fan_out_factor=2,
            on_disk_payload=False,
            payload=PayloadStorageParams(Memory.CACHED),
        )
        self.assertEqual(config.params, expected)

    async def test_update_of_the_unnamed_vector(self) -> None:
        await self.create()
        config = await self.change(
            vectors={"": VectorParamsDiff(HnswConfigDiff(m=32), _SCALAR, on_disk=True)}
        )
        expected = VectorParams(Distance.DOT, 4, HnswConfigDiff(m=32), _SCALAR, on_disk=True)
        self.assertEqual(config.params.vectors, {"": expected})
        config = await self.change(vectors={"": VectorParamsDiff(HnswConfigDiff(ef_construct=50))})
        merged = attrs.evolve(expected, hnsw_config=HnswConfigDiff(m=32, ef_construct=50))
        self.assertEqual(config.params.vectors, {"": merged})

    async def test_quantization_is_replaced_as_a_whole_and_removed_by_a_word(self) -> None:
        await self.create(unnamed(quantization_config=_SCALAR))
        config = await self.change(
            quantization_config=_PRODUCT,
            vectors={"": VectorParamsDiff(quantization_config=_SCALAR)},
        )
        self.assertEqual(config.quantization_config, _PRODUCT)
        self.assertEqual(config.params.vectors[""].quantization_config, _SCALAR)
        config = await self.change(
            quantization_config=Disabled.DISABLED,
            vectors={"": VectorParamsDiff(quantization_config=Disabled.DISABLED)},
        )
        self.assertIsNone(config.quantization_config)
        self.assertIsNone(config.params.vectors[""].quantization_config)

    async def test_update_of_a_sparse_vector(self) -> None:
        await self.create(unnamed(sparse_vectors={"text": SparseVectorParams()}))
        config = await self.change(sparse_vectors={"text": SparseVectorParams(None, Modifier.IDF)})
        expected = {"text": SparseVectorParams(None, Modifier.IDF)}
        self.assertEqual(config.params.sparse_vectors, expected)
        config = await self.change(
            sparse_vectors={"text": SparseVectorParams(SparseIndexParams(on_disk=True))}
        )
        merged = SparseVectorParams(SparseIndexParams(on_disk=True), Modifier.IDF)
        self.assertEqual(config.params.sparse_vectors, {"text": merged})

    async def test_update_of_an_unknown_vector(self) -> None:
        await self.create()
        for request in (
            UpdateCollection(vectors={"x": VectorParamsDiff(on_disk=True)}),
            UpdateCollection(sparse_vectors={"x": SparseVectorParams()}),
        ):
            await self.refused(
                BadInput,
                self.operations.update_collection(NAME, request),
                "Wrong input: Not existing vector name error: x",
            )

    async def test_a_refused_update_changes_nothing(self) -> None:
        await self.create()
        before = await self.config()
        request = UpdateCollection(
            metadata={"a": 1},
            hnsw_config=HnswConfigDiff(m=5),
            vectors={"x": VectorParamsDiff(on_disk=True)},
        )
        await self.refused(BadInput, self.operations.update_collection(NAME, request))
        request = UpdateCollection(metadata={"a": 1}, hnsw_config=HnswConfigDiff(ef_construct=1))
        await self.refused(ValidationError, self.operations.update_collection(NAME, request))
        self.assertEqual(await self.config(), before)

    async def test_strict_mode_is_merged(self) -> None:
        await self.create()
        self.assertIsNone((await self.config()).strict_mode_config)
        config = await self.change(strict_mode_config=StrictModeConfig(enabled=False))
        self.assertEqual(config.strict_mode_config, StrictModeConfig(enabled=False))
        config = await self.change(strict_mode_config=StrictModeConfig(max_timeout=5))
        expected = StrictModeConfig(enabled=False, max_timeout=5)
        self.assertEqual(config.strict_mode_config, expected)

    async def test_metadata_is_merged_by_key_and_null_removes_one(self) -> None:
        config = await self.config(unnamed(metadata={"a": 1, "b": {"c": 2}}))
        self.assertEqual(config.metadata, {"a": 1, "b": {"c": 2}})
        config = await self.change(metadata={"b": {"d": 3}, "e": "f"})
        self.assertEqual(config.metadata, {"a": 1, "b": {"d": 3}, "e": "f"})
        config = await self.change(metadata={"a": None, "missing": None})
        self.assertEqual(config.metadata, {"b": {"d": 3}, "e": "f"})

    async def test_an_update_leaves_the_points_alone(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4], {"a": 1}))
        await self.change(metadata={"a": 1}, hnsw_config=HnswConfigDiff(m=4))
        self.assert_vectors(await self.only(1), {"": [1, 2, 3, 4]})
        second = await self.put(Point(2, [1, 2, 3, 4]))
        self.assertEqual(second.operation_id, 1)

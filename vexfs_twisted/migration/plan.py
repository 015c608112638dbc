"""What a copy is going to do, and what stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from ..rpc.generated import collections_pb2, points_pb2
from .configuration import (
    ALIASES,
    INDEXES,
    LEFT_OUT,
    configuration_digest,
    create_request,
    index_requests,
    unknown_settings,
    update_request,
    vector_differences,
)
from .connection import ALIASES as LIST_ALIASES
from .connection import INFO, LIST, Connection
from .errors import Missing, Problems
from .points import dense_params
from .state import CollectionState, Phase

_CUSTOM = collections_pb2.ShardingMethod.Custom
_ONE_PAGE = 10_000


@frozen
class Selection:
    """What the user wants copied, and how.

    `names`: collections, all where there is none. `renames`: their names at the target.
    `left_out`: settings that are not copied. `into_existing`: collections that are there get the
    points, where their vectors fit.
    """

    names: Sequence[str] = ()
    renames: Mapping[str, str] = {}
    left_out: frozenset[str] = frozenset()
    into_existing: bool = False


@frozen
class CollectionPlan:
    """The copy of one collection.

    `scroll_limit` and `page_limit`: how many ids and points a call may be about.
    `exists`: it is at the target already.
    """

    source: str
    target: str
    create: collections_pb2.CreateCollection
    update: collections_pb2.UpdateCollection | None
    indexes: tuple[points_pb2.CreateFieldIndexCollection, ...]
    aliases: tuple[str, ...]
    points: int
    digest: str
    exists: bool
    scroll_limit: int
    page_limit: int

    @property
    def name(self) -> str:
        """What it is called on either side."""
        return f"{self.source} as {self.target}" if self.source != self.target else self.source

    def __str__(self) -> str:
        dense = sorted(dense_params(self.create.vectors_config))
        vectors = [f"`{vector}`" if vector else "unnamed" for vector in dense]
        vectors += [
            f"`{vector}` (sparse)" for vector in sorted(self.create.sparse_vectors_config.map)
        ]
        text = f"{self.name}: {self.points:,} points, vectors {', '.join(vectors) or 'none'}"
        if self.indexes:
            text += f", payload indexes {', '.join(index.field_name for index in self.indexes)}"
        return f"{text}, aliases {', '.join(self.aliases)}" if self.aliases else text


async def make_plan(
    source: Connection,
    target: Connection,
    selection: Selection,
    states: Mapping[str, CollectionState],
) -> list[CollectionPlan]:
    """The copies to make. Raises Problems where something stands against one."""
    problems: list[str] = []
    names = await _selected(source, selection, problems)
    there = set(await _names(target))
    aliases = await _aliases(source)
    plans = []
    for name in names:
        info = await collection_info(source, name)
        if info is None:
            problems.append(f"`{name}` was deleted at the source just now")
            continue
        plan = _plan(name, info, aliases, selection, there)
        problems += _problems_of_source(plan, info, selection)
        found = await collection_info(target, plan.target) if plan.exists else None
        problems += _problems_of_target(plan, found, selection, states.get(name))
        plans.append(plan)
    problems += _problems_of_names(plans, there, await _aliases(target))
    if problems:
        raise Problems(problems)
    return plans


async def collection_info(server: Connection, name: str) -> collections_pb2.CollectionInfo | None:
    """What a server tells of a collection; None if it is not there."""
    request = collections_pb2.GetCollectionInfoRequest(collection_name=name)
    try:
        return (await server.call(INFO, request)).result
    except Missing:
        return None


async def _names(server: Connection) -> list[str]:
    listed = await server.call(LIST, collections_pb2.ListCollectionsRequest())
    return sorted(collection.name for collection in listed.collections)


async def _aliases(server: Connection) -> dict[str, str]:
    listed = await server.call(LIST_ALIASES, collections_pb2.ListAliasesRequest())
    return {alias.alias_name: alias.collection_name for alias in listed.aliases}


async def _selected(source: Connection, selection: Selection, problems: list[str]) -> list[str]:
    there = await _names(source)
    wanted = list(dict.fromkeys(selection.names)) or there
    for name in (*wanted, *selection.renames):
        if name not in there:
            problems.append(f"the source has no collection `{name}`")
    problems += [
        f"`{name}` is renamed but not among the collections to copy"
        for name in selection.renames
        if name in there and name not in wanted
    ]
    for part in sorted(selection.left_out - LEFT_OUT):
        if not part.startswith(f"{INDEXES}."):
            problems.append(f"there is no setting `{part}` to leave out")
    return [name for name in wanted if name in there]


def _plan(
    name: str,
    info: collections_pb2.CollectionInfo,
    aliases: Mapping[str, str],
    selection: Selection,
    there: set[str],
) -> CollectionPlan:
    target, left_out = selection.renames.get(name, name), selection.left_out
    create = create_request(target, info.config, left_out)
    own = [] if ALIASES in left_out else [alias for alias, of in aliases.items() if of == name]
    return CollectionPlan(
        source=name,
        target=target,
        create=create,
        update=update_request(target, info.config, left_out),
        indexes=index_requests(target, info, left_out),
        aliases=tuple(sorted(own)),
        points=info.points_count,
        digest=configuration_digest(info),
        exists=target in there,
        scroll_limit=_bound(info.config.strict_mode_config, "max_query_limit"),
        page_limit=_bound(create.strict_mode_config, "upsert_max_batchsize"),
    )


def _bound(strict: collections_pb2.StrictModeConfig, field: str) -> int:
    bound: int = getattr(strict, field) if strict.enabled else 0
    return min(bound, _ONE_PAGE) or _ONE_PAGE


def _problems_of_source(
    plan: CollectionPlan, info: collections_pb2.CollectionInfo, selection: Selection
) -> Iterator[str]:
    if plan.create.sharding_method == _CUSTOM:
        text = "has shard keys, which are not copied; --leave-out=sharding_method copies without"
        yield f"`{plan.source}` {text}"
    for setting in unknown_settings(info.config):
        yield f"`{plan.source}` has a setting that this version does not know: {setting}"
    for part in selection.left_out:
        field = part.removeprefix(f"{INDEXES}.")
        if field != part and len(selection.names) == 1 and field not in info.payload_schema:
            yield f"`{plan.source}` has no payload index `{field}` to leave out"


def _problems_of_target(
    plan: CollectionPlan,
    found: collections_pb2.CollectionInfo | None,
    selection: Selection,
    state: CollectionState | None,
) -> Iterator[str]:
    if state is not None and state.phase is not Phase.REMOVED:
        yield from _problems_of_state(plan, found, state)
    elif found is not None and not selection.into_existing:
        text = "give it another name by --rename, or add the points to it by --into-existing"
        yield f"`{plan.target}` is at the target already: {text}"
    elif found is not None:
        existing = create_request(plan.target, found.config)
        for line in vector_differences(plan.create, existing):
            yield f"`{plan.target}` is at the target already, and {line}"


def _problems_of_state(
    plan: CollectionPlan, found: collections_pb2.CollectionInfo | None, state: CollectionState
) -> Iterator[str]:
    """What has changed since the copy was interrupted."""
    anew = "begin anew with another --state"
    if state.target != plan.target:
        yield f"`{plan.source}` was copied as `{state.target}` so far; {anew}"
    elif state.source_digest != plan.digest:
        yield f"the configuration of `{plan.source}` has changed at the source; {anew}"
    elif state.phase is Phase.CREATING:
        if found is not None and found.points_count:
            yield f"`{plan.target}` is at the target already, and has points; {anew}"
    elif found is None:
        yield f"`{plan.target}` is at the target no longer; {anew}"
    elif state.target_digest != configuration_digest(found):
        yield f"the configuration of `{plan.target}` has changed at the target; {anew}"


def _problems_of_names(
    plans: Sequence[CollectionPlan], there: set[str], aliases: Mapping[str, str]
) -> Iterator[str]:
    made: set[str] = set()
    for plan in plans:
        if plan.target in made:
            yield f"two collections would be called `{plan.target}` at the target"
        made.add(plan.target)
    for plan in plans:
        if plan.target in aliases:
            yield f"`{plan.target}` is an alias at the target"
        for alias in plan.aliases:
            text = "--leave-out=aliases copies without"
            if alias in there | made:
                yield f"the alias `{alias}` is a collection at the target; {text}"
            elif aliases.get(alias, plan.target) != plan.target:
                yield f"the alias `{alias}` is of `{aliases[alias]}` at the target; {text}"

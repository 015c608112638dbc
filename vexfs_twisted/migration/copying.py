"""A whole copy between two servers, in steps that may each be interrupted.

1. What is to be done is planned, and compared with what an interrupted copy had done.
2. All collections are created with their payload indexes. Where one is refused, those created are
   removed again, so that nothing has changed.
3. The points are copied, collection by collection.
4. Each copy is compared with its source, and the aliases of those that are whole are set at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from attrs import field, frozen

from ..rpc.generated import collections_pb2, points_pb2
from .configuration import configuration_digest, create_request, differences
from .connection import CHANGE_ALIASES, COUNT, CREATE, CREATE_INDEX, DELETE, UPDATE, Connection
from .errors import AlreadyThere, MigrationError, Problems, Refused
from .plan import CollectionPlan, Selection, collection_info, make_plan
from .progress import Progress
from .state import CollectionState, Phase, StateFile
from .transfer import Counts, Transfer, TransferSettings
from .verification import SAMPLE, verify

_POLL_SECONDS = 0.5


@frozen
class CopySettings:
    """What is copied, and how. `sample`: how many points are compared at the end, None: all.

    `green_seconds`: for how long the target's optimizer is waited for.
    """

    selection: Selection = field(factory=Selection)
    transfer: TransferSettings = field(factory=TransferSettings)
    sample: int | None = SAMPLE
    green_seconds: float = 0.0


class Copy:
    """The copy from `source` to `target`. `tell` is given each line of the report."""

    def __init__(
        self,
        source: Connection,
        target: Connection,
        settings: CopySettings,
        progress: Progress,
        tell: Callable[[str], None],
    ) -> None:
        self._source, self._target = source, target
        self._settings = settings
        self._progress, self._tell = progress, tell

    async def plan(self, state: StateFile | None = None) -> list[CollectionPlan]:
        """What is to be done. Raises MigrationErrors."""
        self._tell(f"from       {self._source.url} ({await self._source.greet()})")
        self._tell(f"to         {self._target.url} ({await self._target.greet()})")
        states = state.collections if state is not None else {}
        return await make_plan(self._source, self._target, self._settings.selection, states)

    async def run(self, state: StateFile) -> bool:
        """Copy all; whether every copy is whole. Raises MigrationErrors."""
        plans = await self.plan(state)
        await self._create_all(plans, state)
        for plan in plans:
            if state.collections[plan.source].phase is not Phase.COPIED:
                await self._copy(plan, state)
        whole = [plan for plan in plans if await self._verify(plan, state)]
        await self._set_aliases(whole)
        return len(whole) == len(plans)

    # ---- collections

    async def _create_all(self, plans: Sequence[CollectionPlan], state: StateFile) -> None:
        created: list[CollectionPlan] = []
        refusals: list[str] = []
        for plan in plans:
            known = state.collections.get(plan.source)
            phase = known.phase if known is not None else Phase.REMOVED
            if phase not in (Phase.CREATING, Phase.REMOVED):
                continue
            # One that an interrupted copy was about to create may be there already, empty.
            is_own = not plan.exists or phase is Phase.CREATING
            try:
                if is_own:
                    await self._create(plan, state, created)
                await self._begin(plan, state, is_own)
            except Refused as error:
                refusals.append(f"`{plan.source}` cannot be made at the target: {error}")
        if refusals:
            for plan in created:
                await self._remove(plan, state)
            refusals.append("a setting is not copied with --leave-out=SETTING, see --help")
            raise Problems(refusals)

    async def _create(
        self, plan: CollectionPlan, state: StateFile, created: list[CollectionPlan]
    ) -> None:
        known = CollectionState(Phase.CREATING, plan.target, plan.digest)
        state.record(plan.source, known)
        if not plan.exists:
            retries = self._target.retries
            try:
                await self._target.call(CREATE, plan.create)
            except Refused as error:
                # An attempt whose answer was lost may have created it.
                if not (isinstance(error, AlreadyThere) and self._target.retries > retries):
                    state.record(plan.source, known.with_changes(phase=Phase.REMOVED))
                    raise
        created.append(plan)
        if plan.update is not None:
            await self._target.call(UPDATE, plan.update)
        for index in plan.indexes:
            # Before the points: then graphs that serve filters know the index from the start.
            await self._target.call(CREATE_INDEX, index)

    async def _begin(self, plan: CollectionPlan, state: StateFile, is_own: bool) -> None:
        info = await self._info(plan)
        found = create_request(plan.target, info.config)
        for setting in differences(plan.create, found):
            self._tell(f"differs    {plan.target}: the target has another {setting}")
        known = CollectionState(
            Phase.COPYING, plan.target, plan.digest, configuration_digest(info), more=not is_own
        )
        state.record(plan.source, known)

    async def _remove(self, plan: CollectionPlan, state: StateFile) -> None:
        """Remove what was created just now, if nobody has put anything into it."""
        if await collection_info(self._target, plan.target) is not None:
            count = points_pb2.CountPoints(collection_name=plan.target, exact=True)
            if (await self._target.call(COUNT, count)).result.count:
                return
            request = collections_pb2.DeleteCollection(collection_name=plan.target)
            await self._target.call(DELETE, request)
        state.record(plan.source, CollectionState(Phase.REMOVED, plan.target, plan.digest))

    async def _info(self, plan: CollectionPlan) -> collections_pb2.CollectionInfo:
        info = await collection_info(self._target, plan.target)
        if info is None:
            raise MigrationError(f"`{plan.target}` was deleted at the target meanwhile")
        return info

    # ---- points

    async def _copy(self, plan: CollectionPlan, state: StateFile) -> None:
        begun = state.collections[plan.source]
        counts = Counts(begun.seen, begun.refused)

        def reached(phase: Phase, next_id: int | str | None) -> None:
            values = {"phase": phase, "next_id": next_id}
            values |= {"seen": counts.seen, "refused": counts.refused}
            state.record(plan.source, begun.with_changes(**values))

        self._progress.begin(f"copying {plan.source}", plan.points, begun.seen)
        transfer = Transfer(
            self._source,
            self._target,
            plan,
            self._settings.transfer,
            counts,
            record=lambda next_id: reached(Phase.COPYING, next_id),
            advance=self._progress.advance,
            say=self._progress.say,
        )
        started = time.monotonic()
        try:
            await transfer.run(begun.next_id)
        finally:
            self._progress.end()
        reached(Phase.COPIED, None)
        seconds = time.monotonic() - started
        seen = counts.seen - begun.seen
        rate = f"{seen / max(seconds, 1e-9):,.0f} a second"
        self._tell(f"copied     {plan.name}: {seen:,} points in {seconds:,.1f} s, {rate}")
        if counts.refused:
            self._tell(f"left out   {plan.source}: {counts.refused:,} points that were refused")

    # ---- the end

    async def _verify(self, plan: CollectionPlan, state: StateFile) -> bool:
        if self._settings.green_seconds:
            await self._wait_for_green(plan)
        known = state.collections[plan.source]
        params = (await self._info(plan)).config.params
        self._progress.say(f"comparing {plan.source}")
        found = await verify(
            self._source, self._target, plan, params, self._settings.sample, known.more
        )
        is_whole = found.is_whole and not known.refused
        word = "verified " if is_whole else "different"
        for line in found.lines():
            self._tell(f"{word}  {plan.source}: {line}")
        if not is_whole and plan.aliases:
            self._tell(f"aliases    {', '.join(plan.aliases)}: not set, as the copy is not whole")
        return is_whole

    async def _wait_for_green(self, plan: CollectionPlan) -> None:
        until = time.monotonic() + self._settings.green_seconds
        while (await self._info(plan)).status != collections_pb2.CollectionStatus.Green:
            if time.monotonic() >= until:
                self._tell(f"waiting    {plan.target}: its optimizer is still at work")
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _set_aliases(self, plans: Sequence[CollectionPlan]) -> None:
        actions = [
            collections_pb2.AliasOperations(
                create_alias=collections_pb2.CreateAlias(
                    collection_name=plan.target, alias_name=alias
                )
            )
            for plan in plans
            for alias in plan.aliases
        ]
        if actions:
            await self._target.call(CHANGE_ALIASES, collections_pb2.ChangeAliases(actions=actions))
            self._tell(f"aliases    {', '.join(a.create_alias.alias_name for a in actions)}")

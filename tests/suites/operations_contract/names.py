"""Names that new collections, aliases and vectors cannot have."""

from __future__ import annotations

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import unnamed
from vexfs_twisted.model.collection import CreateAlias, CreateCollection, RenameAlias
from vexfs_twisted.model.collection_params import Distance, SparseVectorParams, VectorParams
from vexfs_twisted.model.errors import BadInput, ValidationError

_REFUSED = (
    ".",
    "..",
    "line\nbreak",
    "tab\t",
    "\x1b[31mred",
    "\x7f",
    "c1\x85",
    "\u202egnp.exe",
    "\ufeffname",
    "a\u200bb",
    "a\u2028b",
    "a\u2066b",
    "a\u00adb",
)
"""Names with invisible characters, and names that a path resolves to another folder."""

_TAKEN = (
    "...",
    ".hidden",
    "a..b",
    "a b",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\U0001f468\u200d\U0001f33e",
    "e\u0301",
    "\u00a0",
)


class NamesContract(ContractCase):
    """Confusing names are refused when something is named, and only then."""

    async def test_new_collections(self) -> None:
        for name in _REFUSED:
            await self.refused(ValidationError, self.operations.create_collection(name, unnamed()))
        self.assertEqual(await self.operations.list_collections(), [])
        for name in _TAKEN:
            await self.create(name=name)
        self.assertEqual(await self.operations.list_collections(), sorted(_TAKEN))

    async def test_new_aliases(self) -> None:
        await self.create()
        await self.operations.update_aliases([CreateAlias(NAME, "old")])
        for name in (*_REFUSED, "", "x" * 256):
            for action in (CreateAlias(NAME, name), RenameAlias("old", name)):
                sound = CreateAlias(NAME, "sound")
                error = await self.refused(
                    ValidationError, self.operations.update_aliases([sound, action])
                )
                self.assertIn("[actions[1].", error.message)
        aliases = await self.operations.list_aliases()
        self.assertEqual([alias.alias_name for alias in aliases], ["old"])
        await self.operations.update_aliases([CreateAlias(NAME, name) for name in _TAKEN])
        self.assertEqual(len(await self.operations.list_aliases()), len(_TAKEN) + 1)

    async def test_new_vectors(self) -> None:
        space = VectorParams(Distance.DOT, 2)
        for name in _REFUSED:
            for request in (
                CreateCollection({name: space}),
                CreateCollection({}, sparse_vectors={name: SparseVectorParams()}),
            ):
                await self.refused(BadInput, self.operations.create_collection(NAME, request))
        await self.create(CreateCollection(dict.fromkeys(_TAKEN, space)))

    async def test_what_is_refused_is_said_in_what_is_seen(self) -> None:
        for name, shown in (("a\nb", "U+000A"), ("\u202ea", "U+202E"), ("\U000e0041", "U+E0041")):
            error = await self.refused(
                ValidationError, self.operations.create_collection(name, unnamed())
            )
            self.assertEqual(
                error.message, f'[collection_name: collection name cannot contain "{shown}" char]'
            )
        error = await self.refused(
            ValidationError, self.operations.create_collection("..", unnamed())
        )
        self.assertEqual(error.message, '[collection_name: collection name cannot be ".."]')

    async def test_they_may_be_asked_for(self) -> None:
        for name in _REFUSED:
            self.assertIs(await self.operations.collection_exists(name), False)
            self.assertIs(await self.operations.delete_collection(name), False)

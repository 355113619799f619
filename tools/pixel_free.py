"""The contract of law 2 for import-linter: the people's half stays free of pixels, however far away they are imported."""

from collections.abc import Iterable

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PixelFree(Contract):
    """`sources` reach none of `libraries`, not even through others; of the `rooms` they import only the `doors` directly."""

    type_name = "pixel_free"

    sources = fields.SetField(subfield=fields.StringField())
    libraries = fields.SetField(subfield=fields.StringField())
    rooms = fields.SetField(subfield=fields.StringField(), required=False, default=set())
    doors = fields.SetField(subfield=fields.StringField(), required=False, default=set())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        sources = sorted(str(source) for source in _items(self.sources))
        for missing in [source for source in sources if source not in graph.modules]:
            raise ValueError(f"pixel_free names {missing}, which does not exist.")
        chains = [chain for source in sources for chain in self._chains_to_libraries(graph, source)]
        chains += [pair for source in sources for pair in self._past_the_doors(graph, source)]
        return ContractCheck(kept=not chains, metadata={"chains": chains})

    def _chains_to_libraries(self, graph: ImportGraph, source: str) -> Iterable[tuple[str, ...]]:
        for library in sorted(_items(self.libraries)):
            if library in graph.modules:
                yield from sorted(graph.find_shortest_chains(importer=source, imported=library, as_packages=True))

    def _past_the_doors(self, graph: ImportGraph, source: str) -> Iterable[tuple[str, ...]]:
        doors = _items(self.doors)
        for module in sorted({source} | graph.find_descendants(source)):
            if _is_under(module, _items(self.rooms)):
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                if _is_under(imported, _items(self.rooms)) and not _is_under(imported, doors):
                    yield module, imported

    def render_broken_contract(self, check: ContractCheck) -> None:
        for chain in check.metadata["chains"]:
            output.print_error(f"- {' -> '.join(chain)}", bold=False)


def _items(field: object) -> set[str]:
    """import-linter puts the parsed value where the class has its field."""
    assert isinstance(field, set)
    return field


def _is_under(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)

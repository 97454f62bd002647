"""MkDocs hooks: README.md as the first page, links out of docs/ to the repository, and no public name undocumented."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCUMENTED = (
    "convbert_onnx",
    "convbert_onnx.errors",
    "convbert_onnx.exporters",
    "convbert_onnx.models",
    "convbert_onnx.runtime",
)
"""The modules whose ``__all__`` is the public API."""

_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)")
_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):(?=<code)")

log = logging.getLogger("mkdocs.hooks.convbert_onnx")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md as the first page."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = _LINK.sub(lambda link: _from_readme(link[1]), text)
    files.append(File.generated(config, "index.md", content=text))
    return files


def _from_readme(target: str) -> str:
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files outside docs/ to the repository, as they do on GitHub; a missing file is a warning."""

    def link_to_repository(link: re.Match[str]) -> str:
        docs = Path(config.docs_dir)
        target = Path(os.path.normpath((docs / page.file.src_uri).parent / link[1]))
        if target.is_relative_to(docs):
            return link[1]  # MkDocs checks it
        if target == ROOT / "README.md":
            return os.path.relpath(docs / "index.md", (docs / page.file.src_uri).parent)
        if not target.exists():
            log.warning("%s links to %s, which is not in the repository", page.file.src_uri, link[1])
        kind = "tree" if target.is_dir() else "blob"
        return f"{config.repo_url}/{kind}/main/{target.relative_to(ROOT)}"

    return _LINK.sub(link_to_repository, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Drop the Sphinx roles of docstrings, and leave the names in them."""
    return _ROLE.sub("", html)


def on_env(env: object, config: MkDocsConfig, files: Files) -> None:
    """Warn about each public name without a docstring, which ends a strict build."""
    for name in undocumented(ROOT, DOCUMENTED):
        log.warning("%s has no docstring", name)


def undocumented(root: Path, modules: tuple[str, ...]) -> list[str]:
    """The public names of modules, and the public members of their classes, that have no docstring."""
    loader = griffe.GriffeLoader(search_paths=[root])
    package = loader.load(modules[0].partition(".")[0])
    loader.resolve_aliases()
    found: list[str] = []
    for module in modules:
        inner = module.partition(".")[2]
        found += _undocumented(package[inner] if inner else package)
    return found


def _undocumented(module: griffe.Object | griffe.Alias) -> Iterator[str]:
    if not module.has_docstring:
        yield module.path
    for name in map(str, module.exports or ()):
        if name == "__version__":
            continue
        if name not in module.members:
            yield f"{module.path}.{name}"  # in __all__, but nowhere else
            continue
        member = module[name]
        if not member.has_docstring:
            yield f"{module.path}.{name}"
        if member.is_class:
            yield from (
                f"{module.path}.{name}.{inner}"
                for inner, one in member.members.items()
                if not inner.startswith("_") and (one.is_function or one.is_class) and not one.has_docstring
            )

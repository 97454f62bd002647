"""MkDocs hooks: README.md as the first page, links to the repository, and a check that the public API is documented."""

import logging
import os
import re
from functools import cache
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
    """Warn about each public name without a docstring."""
    for name, one in public_names(ROOT).items():
        if one is None or not one.has_docstring:
            log.warning("%s has no docstring", name)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn about each public name that is not on a page of the API reference."""
    pages = "".join(page.read_text(encoding="utf-8") for page in Path(config.site_dir, "api").rglob("*.html"))
    for name, one in public_names(ROOT).items():
        if one is None or one.is_module or not one.has_docstring:
            continue
        if not any(f'id="{path}"' in pages for path in (name, one.path)):
            log.warning("%s is not in the API reference", name)


@cache
def public_names(root: Path) -> dict[str, griffe.Object | griffe.Alias | None]:
    """What the documented modules list in ``__all__``, and the public methods of classes; None if it is not defined."""
    loader = griffe.GriffeLoader(search_paths=[root])
    package = loader.load("convbert_onnx")
    loader.resolve_aliases()
    found: dict[str, griffe.Object | griffe.Alias | None] = {}
    for path in DOCUMENTED:
        module = package[path.removeprefix("convbert_onnx.")] if path != "convbert_onnx" else package
        found[path] = module
        for name in map(str, module.exports or ()):
            if name == "__version__":
                continue
            one = module.members.get(name)
            if one is not None and one.is_module:
                one = one.members.get(name)  # a function in a module of the same name
            found[f"{path}.{name}"] = one
            if one is not None and one.is_class:
                found |= {
                    f"{path}.{name}.{inner}": method
                    for inner, method in one.members.items()
                    if not inner.startswith("_") and method.is_function
                }
    return found

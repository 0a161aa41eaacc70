"""XML as S3 uses it: small documents in both directions, without document types, entities or attributes."""

import re
from datetime import UTC, datetime
from typing import TypeAlias
from xml.parsers import expat

__all__ = ["Node", "NotWellFormed", "Tree", "parse", "render", "timestamp"]

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
Tree: TypeAlias = "str | list[tuple[str, Tree]]"

# Control characters as well, which keys may hold: S3 writes them as references, though XML 1.0 has no place for them.
SPECIAL = re.compile(r"[&<>\"\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
# S3's own documents are three deep.
DEPTH_MAX = 10
NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


class NotWellFormed(Exception):
    """Not XML, or XML of a form that is not accepted."""


class Node:
    """An element: its name without a prefix, its text, its children."""

    __slots__ = ("children", "name", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.children: list[Node] = []

    def child_text(self, name: str) -> str | None:
        """The text of the first child of that name."""
        return next((child.text.strip() for child in self.children if child.name == name), None)

    def named(self, name: str) -> list["Node"]:
        return [child for child in self.children if child.name == name]


def render(root: str, content: Tree, namespace: str = NAMESPACE) -> bytes:
    """A whole document."""
    pieces = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    write_element(pieces, root, content, f' xmlns="{namespace}"' if namespace else "")
    return "".join(pieces).encode()


def write_element(pieces: list[str], name: str, content: Tree, attributes: str = "") -> None:
    pieces.append(f"<{name}{attributes}>")
    if isinstance(content, str):
        pieces.append(SPECIAL.sub(reference, content))
    else:
        for child_name, child in content:
            write_element(pieces, child_name, child)
    pieces.append(f"</{name}>")


def reference(found: re.Match[str]) -> str:
    return NAMED.get(found[0]) or f"&#x{ord(found[0]):x};"


def timestamp(moment: float) -> str:
    """`2026-11-22T14:05:09.120Z`"""
    when = datetime.fromtimestamp(moment, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def parse(document: bytes, elements_max: int) -> Node:
    """The root element. A document type is refused, so that there are no entities to expand."""
    top = Node("")
    open_nodes = [top]
    elements = 0

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if elements > elements_max or len(open_nodes) > DEPTH_MAX:
            raise NotWellFormed("there are too many elements, or they are nested too deeply")
        node = Node(name.rpartition(":")[2])
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def text(piece: str) -> None:
        open_nodes[-1].text += piece

    # The encoding is given, or a document could choose one in which a forbidden word is spelled in other bytes.
    parser = expat.ParserCreate(encoding="UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: open_nodes.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse_document_type
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise NotWellFormed(str(error)) from None
    return top.children[0]


def refuse_document_type(*_declaration: object) -> None:
    raise NotWellFormed("a document type is not accepted")

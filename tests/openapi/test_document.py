"""What the document promises its readers: names, words, and a page for every type of problem and every code."""

import re
from typing import Any

import pytest

from controlplane.problem_types import PREFIX, TYPES, ErrorCode
from controlplane.schema import WHOLE
from tests.openapi.document import DOCUMENT, OPERATIONS, Operation, is_integer, resolved
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "reference" / "problems.md").read_text()
OF_THE_FRAMEWORK = r"(Request|Shape|Enum|Serializer|List)$|^Patched|_(partial_update|retrieve|destroy|list)$"

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@each_operation
def test_every_operation_says_what_it_does_and_what_it_answers(operation: Operation) -> None:
    declared = [tag["name"] for tag in DOCUMENT["tags"]]

    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", operation.name)
    assert operation.described["summary"]
    assert operation.described["description"] != operation.described["summary"]
    assert [tag for tag in operation.described["tags"] if tag not in declared] == []
    assert [status for status, answer in operation.answers.items() if not answer["description"]] == []


def test_no_name_is_one_of_the_framework() -> None:
    names = [*DOCUMENT["components"]["schemas"], *(operation.name for operation in OPERATIONS)]

    assert [name for name in names if re.search(OF_THE_FRAMEWORK, name)] == []
    assert len(names) == len(set(names))


def test_the_document_says_whose_it_is() -> None:
    assert DOCUMENT["info"]["contact"]["name"]
    assert DOCUMENT["info"]["license"]["identifier"] == "Apache-2.0"
    assert DOCUMENT["servers"] == [{"url": "/", "description": "The service that gives this document."}]


def test_of_a_camera_in_the_list_only_the_id_is_sure_to_come() -> None:
    assert DOCUMENT["components"]["schemas"]["CameraListItem"]["required"] == ["id"]


@each_operation
def test_every_integer_that_is_taken_says_that_it_has_no_fraction(operation: Operation) -> None:
    def integers(schema: Any) -> list[dict[str, Any]]:
        schema = resolved(schema)
        inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        found = [schema] if is_integer(schema) else []
        return found + [integer for one in inner for integer in integers(one)]

    taken = [parameter["schema"] for parameter in operation.parameters]
    taken += [body["schema"] for body in operation.bodies.values()]

    assert [one for schema in taken for one in integers(schema) if WHOLE not in one.get("description", "")] == []


def test_every_type_of_problem_and_every_code_is_explained() -> None:
    types = dict(re.findall(r"^\| `([a-z-]+)` \| ([0-9]{3}) \|", PAGE, re.MULTILINE))
    codes = re.findall(r"^\| `([a-z_]+)` \| \S", PAGE.partition("\n## Codes\n")[2], re.MULTILINE)

    assert PREFIX in PAGE
    assert types == {kind.name: str(kind.status) for kind in TYPES}
    assert sorted(codes) == sorted(ErrorCode)
    assert DOCUMENT["components"]["schemas"]["ErrorCode"]["enum"] == list(ErrorCode)


def test_every_member_that_only_some_problems_have_is_in_a_schema_of_its_own() -> None:
    for kind in TYPES:
        if kind.extension:
            schema = DOCUMENT["components"]["schemas"][f"{kind.extension.component}Problem"]
            assert set(kind.extension.properties) <= set(schema["properties"])
            assert set(schema["required"]) == set(schema["properties"]) - set(kind.extension.optional)


def test_every_problem_is_documented_where_a_client_can_meet_it() -> None:
    named = {
        word
        for operation in OPERATIONS
        for answer in operation.answers.values()
        for word in re.findall(r"`([a-z-]+)`: ", answer["description"])
    }
    # An address that is there has no other methods, as far as the document knows.
    assert {kind.name for kind in TYPES} - named == {"method-not-allowed", "conflict"}


def test_the_proxy_names_the_types_of_the_service() -> None:
    template = (ROOT / "deploy" / "nginx" / "controlplane.conf.template").read_text()

    def values_of(variable: str) -> dict[str, str]:
        block = re.search(rf"^map \$status \${variable} {{\n(.*?)^}}$", template, re.MULTILINE | re.DOTALL)
        return dict(re.findall(r'^ +(\w+) +"?([^"\n]+?)"?;$', block[1], re.MULTILINE))

    types, titles = values_of("problem_type"), values_of("problem_title")
    known = {kind.uri: kind.title for kind in TYPES} | {"about:blank": "Not Implemented"}

    assert len(types) == 9
    assert {status: known[uri] for status, uri in types.items()} == titles

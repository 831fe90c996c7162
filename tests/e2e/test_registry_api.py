"""Functions, sets and revisions, over a real socket."""

import hashlib
import json
import uuid

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from jigsmith import canonical
from jigsmith.v1 import function_pb2, function_pb2_grpc, function_set_pb2, function_set_pb2_grpc

ADD = "def add(a, b):\n    return a + b\n"
PARAMETERS = json.dumps(
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
)


@pytest.fixture
def runtime(stored_runtime):
    """Give a runtime on each database."""
    return stored_runtime


def version_of(source: str = ADD, **fields) -> function_pb2.FunctionVersion:
    """Return a version with a description of its own, so that its digest is its own too."""
    defaults = {"description": uuid.uuid4().hex, "parameters_json": PARAMETERS, "source": source}
    return function_pb2.FunctionVersion(**defaults | fields)


def details_of(error: grpc.aio.AioRpcError) -> dict[str, object]:
    """Return the details of an error by their message's name."""
    status = rpc_status.from_call(error)
    found = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        message = getattr(error_details_pb2, name)()
        packed.Unpack(message)
        found[name] = message
    return found


async def refusal(call) -> tuple[grpc.StatusCode, str, dict[str, object]]:
    """Await a call that must fail; return its status, reason and details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    details = details_of(caught.value)
    info = details["ErrorInfo"]
    assert info.domain == "jigsmith"
    return caught.value.code(), info.reason, details


@pytest.fixture
async def functions(runtime):
    """Give the function service, called by the optimizer."""
    async with runtime.channel("optimizer") as channel:
        yield function_pb2_grpc.FunctionServiceStub(channel)


@pytest.fixture
async def sets(runtime):
    """Give the set service, called by the optimizer."""
    async with runtime.channel("optimizer") as channel:
        yield function_set_pb2_grpc.FunctionSetServiceStub(channel)


def create(version: function_pb2.FunctionVersion, parent="functions/add", **fields):
    """Return a request to register a version."""
    return function_pb2.CreateFunctionVersionRequest(parent=parent, function_version=version, **fields)


async def test_a_version_is_registered_once_and_found_again(functions, runtime):
    """The same content gives the same version, by whatever request."""
    wanted = version_of()
    first = await functions.CreateFunctionVersion(create(wanted))
    again = await functions.CreateFunctionVersion(create(wanted))
    found = await functions.GetFunctionVersion(function_pb2.GetFunctionVersionRequest(name=first.name))
    assert first == again == found
    assert first.creator == runtime.principal("optimizer")
    assert first.entry_point == "add"
    assert first.profile == "python"


async def test_a_version_is_addressed_by_its_content(functions):
    """The digest is the canonical JSON of what a run depends on; limits count only where they were set."""
    wanted = version_of()
    wanted.limits.wall.CopyFrom(Duration(seconds=2))
    wanted.provenance.reason = "not part of the digest"
    made = await functions.CreateFunctionVersion(create(wanted))
    expected = {
        "kind": "jigsmith.v1.FunctionVersion",
        "name": "add",
        "description": wanted.description,
        "parameters": PARAMETERS,
        "returns": "",
        "source": ADD,
        "entry_point": "add",
        "packages": [],
        "profile": "python",
        "policy": "restricted",
        "limits": {"wall_ms": 2000},
    }
    assert made.digest == hashlib.sha256(canonical.encode(expected)).hexdigest()
    assert made.name == f"functions/add/versions/{made.digest}"


async def test_latest_is_the_version_registered_last(functions):
    """`latest` stands for the digest of the newest version."""
    name = f"f{uuid.uuid4().hex[:12]}"
    for _ in range(2):
        source = f"def {name}(a, b):\n    return a\n"
        made = await functions.CreateFunctionVersion(create(version_of(source), f"functions/{name}"))
    latest = await functions.GetFunctionVersion(
        function_pb2.GetFunctionVersionRequest(name=f"functions/{name}/versions/latest")
    )
    assert latest.name == made.name


async def test_validate_only_registers_nothing(functions):
    """Everything is checked, nothing is kept."""
    made = await functions.CreateFunctionVersion(create(version_of(), validate_only=True))
    assert made.digest
    code, reason, _ = await refusal(
        functions.GetFunctionVersion(function_pb2.GetFunctionVersionRequest(name=made.name))
    )
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("parent", "fields", "field"),
    [
        ("functions/class", {}, "parent"),
        ("functions/", {}, "parent"),
        ("functions/add", {"source": ""}, "function_version.source"),
        ("functions/add", {"source": "#" * 70_000}, "function_version.source"),
        ("functions/add", {"entry_point": "not a name"}, "function_version.entry_point"),
        ("functions/add", {"packages": ["numpy"]}, "function_version.packages"),
        ("functions/add", {"profile": "quantum"}, "function_version.profile"),
        ("functions/add", {"description": "x" * 5_000}, "function_version.description"),
        ("functions/add", {"parameters_json": "{"}, "function_version.parameters_json"),
        ("functions/add", {"parameters_json": '{"type": "array"}'}, "function_version.parameters_json/type"),
        ("functions/add", {"returns_json": '{"$ref": "#"}'}, "function_version.returns_json"),
        ("functions/add", {"limits": {"processes": 1_000_000}}, "function_version.limits.processes"),
        ("functions/add", {"limits": {"wall": {"nanos": 1}}}, "function_version.limits.wall"),
    ],
)
async def test_a_malformed_version_is_refused_by_field(functions, parent, fields, field):
    """The field that is wrong is named."""
    code, reason, details = await refusal(functions.CreateFunctionVersion(create(version_of(**fields), parent)))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID")
    assert details["BadRequest"].field_violations[0].field == field


async def test_the_policy_gate_names_line_and_construct(functions):
    """A refused source says where, what, and what to write instead."""
    source = "def add(a, b):\n    import os\n    return os.getpid()\n"
    code, reason, details = await refusal(functions.CreateFunctionVersion(create(version_of(source))))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "POLICY_REFUSED")
    assert details["ErrorInfo"].metadata["line"] == "2"
    assert details["ErrorInfo"].metadata["advice"]
    assert details["BadRequest"].field_violations


async def test_a_request_id_makes_registration_safe_to_repeat(functions):
    """The same id and contents give the same resource, other contents are refused."""
    request_id, wanted = uuid.uuid4().hex, version_of()
    first = await functions.CreateFunctionVersion(create(wanted, request_id=request_id))
    assert await functions.CreateFunctionVersion(create(wanted, request_id=request_id)) == first
    code, reason, _ = await refusal(functions.CreateFunctionVersion(create(version_of(), request_id=request_id)))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "RESOURCE_EXISTS")


async def test_lists_come_in_pages(functions):
    """Pages follow each other without gaps, newest first, and tokens fit their own list only."""
    name = f"f{uuid.uuid4().hex[:12]}"
    source = f"def {name}(a, b):\n    return a\n"
    made = [
        (await functions.CreateFunctionVersion(create(version_of(source), f"functions/{name}"))).name for _ in range(5)
    ]
    seen, token = [], ""
    while True:
        page = await functions.ListFunctionVersions(
            function_pb2.ListFunctionVersionsRequest(parent=f"functions/{name}", page_size=2, page_token=token)
        )
        seen += [version.name for version in page.function_versions]
        if not (token := page.next_page_token):
            break
        elsewhere = function_pb2.ListFunctionVersionsRequest(parent="functions/-", page_token=token)
        assert (await refusal(functions.ListFunctionVersions(elsewhere)))[1] == "REQUEST_INVALID"
    assert seen == made[::-1]
    listed = await functions.ListFunctions(function_pb2.ListFunctionsRequest(page_size=1000))
    counts = {function.name: (function.version_count, function.latest_version) for function in listed.functions}
    assert counts[f"functions/{name}"] == (5, made[-1])


async def test_a_set_has_numbered_revisions_with_a_lineage(functions, sets):
    """Revisions hold their versions, sorted, with a digest over them, and point at their parent."""
    set_id = f"s{uuid.uuid4().hex[:12]}"
    await sets.CreateFunctionSet(function_set_pb2.CreateFunctionSetRequest(function_set_id=set_id))
    version = await functions.CreateFunctionVersion(create(version_of()))
    parent = ""
    for number in (1, 2):
        made = await sets.CreateRevision(
            function_set_pb2.CreateRevisionRequest(
                parent=f"functionSets/{set_id}",
                revision=function_set_pb2.Revision(parent_revision=parent, function_versions=[version.name]),
            )
        )
        assert made.name == f"functionSets/{set_id}/revisions/{number}"
        assert made.parent_revision == parent
        parent = made.name
    assert made.digest == canonical.digest({"kind": "jigsmith.v1.Revision", "versions": {"add": version.digest}})
    assert made.state == function_set_pb2.REVISION_STATE_DRAFT
    found = await sets.GetRevision(function_set_pb2.GetRevisionRequest(name=made.name))
    assert [one.source for one in found.resolved_versions] == [ADD]
    listed = await sets.ListRevisions(function_set_pb2.ListRevisionsRequest(parent=f"functionSets/{set_id}"))
    assert [one.name.rpartition("/")[2] for one in listed.revisions] == ["2", "1"]


async def test_a_taken_set_name_is_refused(sets):
    """A set is created once."""
    request = function_set_pb2.CreateFunctionSetRequest(function_set_id=f"s{uuid.uuid4().hex[:12]}")
    await sets.CreateFunctionSet(request)
    code, reason, _ = await refusal(sets.CreateFunctionSet(request))
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "RESOURCE_EXISTS")


async def test_a_revision_holds_each_function_once_and_only_what_exists(functions, sets):
    """Two versions of one function, and versions that were never registered, are refused."""
    set_id = f"s{uuid.uuid4().hex[:12]}"
    await sets.CreateFunctionSet(function_set_pb2.CreateFunctionSetRequest(function_set_id=set_id))
    names = [(await functions.CreateFunctionVersion(create(version_of()))).name for _ in range(2)]
    for held, expected in ((names, "REQUEST_INVALID"), ([f"functions/add/versions/{'0' * 64}"], "RESOURCE_NOT_FOUND")):
        request = function_set_pb2.CreateRevisionRequest(
            parent=f"functionSets/{set_id}", revision=function_set_pb2.Revision(function_versions=held)
        )
        assert (await refusal(sets.CreateRevision(request)))[1] == expected


async def test_callers_without_a_valid_token_are_refused(runtime):
    """No token and an unknown token are both UNAUTHENTICATED."""
    async with grpc.aio.insecure_channel(runtime.address) as channel:
        stub = function_pb2_grpc.FunctionServiceStub(channel)
        for metadata in ((), (("authorization", "Bearer nonsense"),)):
            code, reason, _ = await refusal(stub.ListFunctions(function_pb2.ListFunctionsRequest(), metadata=metadata))
            assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_a_role_that_does_not_include_an_rpc_is_refused(runtime):
    """A reviewer does not register functions."""
    async with runtime.channel("reviewer") as channel:
        stub = function_pb2_grpc.FunctionServiceStub(channel)
        code, reason, _ = await refusal(stub.CreateFunctionVersion(create(version_of())))
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


async def test_acknowledged_registrations_survive_kill_9(new_runtime):
    """What was acknowledged before a crash is there after it, and the log speaks of it."""
    runtime = new_runtime()
    async with runtime.channel("optimizer") as channel:
        stub = function_pb2_grpc.FunctionServiceStub(channel)
        names = [(await stub.CreateFunctionVersion(create(version_of()))).name for _ in range(5)]
        runtime.kill()
    runtime.start()
    async with runtime.channel("optimizer") as channel:
        stub = function_pb2_grpc.FunctionServiceStub(channel)
        found = [
            (await stub.GetFunctionVersion(function_pb2.GetFunctionVersionRequest(name=name))).name for name in names
        ]
    assert found == names

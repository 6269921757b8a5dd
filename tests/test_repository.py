"""What the files of the repository promise one another: settings, pins, sizes, names, and what stands in none."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from controlplane.access.principals import Role

ROOT = Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = {
    ".git",
    ".venv",
    ".hypothesis",
    ".schemathesis",
    "var",
    "staticfiles",
    "node_modules",
    "__pycache__",
}
MAX_LINES = 400
PRODUCT = ("controlplane", "cameras", "telemetry")

# Put together here, so that this file holds none of what it looks for.
REGISTRY_HOSTS = (
    ".".join(("pypi", "org")),
    ".".join(("pythonhosted", "org")),
    ".".join(("npmjs", "com")),
    ".".join(("npmjs", "org")),
    ".".join(("yarnpkg", "com")),
)
UNESCAPED = ("mark" + "_safe", "|" + "safe", "autoescape " + "off")


def files_of_the_repository() -> list[Path]:
    """What git knows or would take; without git, whatever is not in a folder that it ignores."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [
            path
            for path in ROOT.rglob("*")
            if not SKIPPED_FOLDERS.intersection(path.relative_to(ROOT).parts)
            and not any(part.endswith("_cache") for part in path.parts)
        ]
    return sorted(path for path in paths if path.is_file())


def texts(paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    for path in paths:
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # pictures


FILES = files_of_the_repository()


def names_read_by_settings() -> set[str]:
    """The first argument of every `env.<kind>("NAME", ...)` in the settings."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "controlplane" / "settings").glob("*.py")]
    return {
        call.args[0].value
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
        and call.args[0].value.isupper()
    }


def names_in_the_example() -> list[str]:
    return re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_every_variable_that_settings_read_stands_in_the_example() -> None:
    read = names_read_by_settings()

    assert "SECRET_KEY" in read
    assert sorted(read - set(names_in_the_example())) == []


def test_every_variable_of_the_example_is_read_by_something() -> None:
    named = names_in_the_example()
    others = (
        text
        for name, text in texts(FILES)
        if name.endswith((".py", ".yaml")) or name.startswith("bin/")
        if name != "tests/test_repository.py"
    )
    used = set(re.findall(r"[A-Z][A-Z0-9_]{3,}", " ".join(others)))

    assert len(named) == len(set(named))
    assert sorted(set(named) - used) == []


def test_the_example_holds_no_secret() -> None:
    text = (ROOT / ".env.example").read_text()

    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS"):
        assert re.search(rf"^{name}=$", text, re.MULTILINE), name


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirement_is_an_exact_pin_with_its_reason(name: str) -> None:
    pin = re.compile(r"[A-Za-z0-9._-]+(?:\[[a-z0-9,_-]+\])?==[0-9][0-9A-Za-z.]* +# \S.+")
    lines = (ROOT / name).read_text().splitlines()

    requirements = [line for line in lines if line and not line.startswith(("#", "-r requirements.txt"))]

    assert requirements
    assert [line for line in requirements if not pin.fullmatch(line)] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_required_is_locked_with_hashes_and_installed_from_there(name: str) -> None:
    lock = (ROOT / "deploy/locks" / name).read_text()
    entries = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]
    pin = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)
    required = {(package.lower(), version) for package, version in pin.findall((ROOT / name).read_text())}

    assert required <= {(package.lower(), version) for package, version in pin.findall(lock)}
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "--require-hashes -r deploy/locks/requirements.txt" in (ROOT / "README.md").read_text()
    assert "--require-hashes" in (ROOT / "Dockerfile").read_text()


def test_python_files_are_short_enough_to_be_read_at_once() -> None:
    too_long = {
        name: lines
        for name, text in texts(path for path in FILES if path.suffix == ".py")
        # Tables of cases are long, and migrations are what they are.
        if not {"migrations", "tests"}.intersection(Path(name).parts) and (lines := text.count("\n")) > MAX_LINES
    }

    assert too_long == {}


@pytest.mark.parametrize("words", [REGISTRY_HOSTS, UNESCAPED], ids=["registry hosts", "unescaped HTML"])
def test_no_file_holds(words: tuple[str, ...]) -> None:
    found = [f"{name}: {word}" for name, text in texts(FILES) for word in words if word in text]

    assert found == []


def test_no_file_holds_a_token_or_a_private_key() -> None:
    secret = re.compile(r"cpt_[A-Za-z0-9_-]{43}|-----BEGIN [A-Z ]*PRIVATE KEY")

    assert [name for name, text in texts(FILES) if secret.search(text)] == []


def test_the_top_level_holds_no_other_package() -> None:
    packages = {path.parent.name for path in FILES if path.name == "__init__.py" and path.parent.parent == ROOT}

    assert packages == {*PRODUCT, "tests"}


def test_every_package_says_which_of_its_modules_may_import_which() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    exhaustive = {
        package for contract in contracts if contract.get("exhaustive") for package in contract["containers"]
    }
    modules = Counter(
        ".".join(path.relative_to(ROOT).parent.parts)
        for path in FILES
        if path.relative_to(ROOT).parts[0] in PRODUCT and path.suffix == ".py" and path.stem != "__init__"
    )
    packages = {package for package, count in modules.items() if count > 1}
    # Migrations follow one another, and a command is called by nobody.
    in_no_order = {package for package in packages if package.endswith((".migrations", ".commands"))}

    assert sorted(packages - in_no_order - exhaustive) == []


def test_the_folders_of_tests_are_those_of_the_packages_that_they_test() -> None:
    folders = {path.relative_to(ROOT / "tests").parent for path in FILES if path.is_relative_to(ROOT / "tests")}
    mirrored = {folder for folder in folders if folder.parts[:1] and folder.parts[0] in PRODUCT}

    assert {folder.name for folder in mirrored} >= set(PRODUCT)
    assert sorted(folder for folder in mirrored if not (ROOT / folder / "__init__.py").exists()) == []


def test_the_servers_are_started_in_the_same_way_everywhere() -> None:
    command = "gunicorn -k asgi -w 2 -b"
    image = (ROOT / "Dockerfile").read_text()

    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / "bin" / "run").read_text()
    assert re.sub(r'[",]', "", re.search(r"^CMD \[(.*)\]$", image, re.MULTILINE)[1]).startswith(command)
    ingest = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["ingest"]["command"]
    assert " ".join(ingest).startswith(command)


def test_the_page_of_the_api_says_what_every_role_may_do() -> None:
    roles = (
        (ROOT / "docs" / "reference" / "api.md").read_text().partition("| role | may |\n")[2].partition("\n\n")[0]
    )

    assert sorted(re.findall(r"^\| ([a-z]+) \| \S", roles, re.MULTILINE)) == sorted(Role.values)


def test_compose_names_what_the_readme_explains() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    readme = (ROOT / "README.md").read_text()
    services = list(yaml.safe_load(compose)["services"])

    assert services == ["db", "migrate", "web", "ingest", "proxy", "maintain"]
    assert [service for service in services if f"`{service}`" not in readme] == []
    assert re.findall(r"\$\{([A-Z_]*(?:KEY|KEYS|PASSWORD|SECRET|URL)):", compose) == ["PUBLIC_URL"], (
        "secrets are files"
    )
    # Loopback, unless somebody asks for more.
    assert re.findall(r"^ *ports: (.*)$", compose, re.MULTILINE) == [
        '["${PROXY_PORT:-127.0.0.1:8000}:8000", "${PROXY_TLS_PORT:-127.0.0.1:8443}:8443"]'
    ]


@pytest.mark.parametrize("proxy", ["plain", "tls"])
def test_compose_gives_the_proxy_files_that_exist_and_every_value_that_they_ask_for(proxy: str) -> None:
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["proxy"]
    values = service["environment"]
    mounts = [re.sub(r"\$\{PROXY:-plain\}", proxy, mount) for mount in service["volumes"]]
    sources = [re.sub(r"^\$\{[A-Z_]+:-(.*?)\}", r"\1", mount).split(":")[0] for mount in mounts]
    templates = [ROOT / source for source in sources if source.endswith(".template")]
    asked_for = {name for path in templates for name in re.findall(r"\$\{([A-Z_]+)\}", path.read_text())}
    folders = {mount.split(":")[-2] for mount in service["volumes"]}

    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert len(templates) == 2
    assert asked_for <= set(values)
    assert [name for name in asked_for if not re.match(values["NGINX_ENVSUBST_FILTER"], name)] == []
    assert {str(Path(values[name]).parent) for name in ("PROXY_CERTIFICATE", "PROXY_KEY")} <= folders
    for port, listen in zip(service["ports"], ("PROXY_LISTEN", "PROXY_LISTEN_TLS"), strict=True):
        assert port.endswith(f":{values[listen]}")


def test_compose_reads_secrets_from_files_that_bin_secrets_makes() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    made = re.findall(r"^keep (\S+)", (ROOT / "bin" / "secrets").read_text(), re.MULTILINE)
    services = compose["services"].values()

    assert {name: secret["file"] for name, secret in compose["secrets"].items()} == {
        name: f"./secrets/{name}" for name in made
    }
    for service in services:
        named = re.findall(r"/run/secrets/(\w+)", str(service["environment"]))
        assert set(named) <= set(service.get("secrets", []))
    assert {name for service in services for name in service.get("secrets", [])} == set(made)


def test_no_service_of_compose_may_more_than_it_needs() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
    assert [name for name, service in services.items() if service.get("cap_add")] == ["proxy"]


def test_compose_trusts_its_own_network_alone() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    (network,) = compose["networks"]["default"]["ipam"]["config"]

    assert compose["services"]["web"]["environment"]["TRUSTED_PROXIES"] == network["subnet"]


def test_every_value_of_the_proxy_is_explained_where_it_is_used() -> None:
    template = (ROOT / "deploy" / "nginx" / "controlplane.conf.template").read_text()
    head = template.partition("\n\n# ---")[0]
    texts_of_nginx = [path.read_text() for path in (ROOT / "deploy" / "nginx").iterdir()]
    asked_for = set(re.findall(r"\$\{(PROXY_[A-Z_]+)\}", " ".join(texts_of_nginx)))

    assert asked_for
    assert asked_for == set(re.findall(r"PROXY_[A-Z_]+", head))
    exported = re.findall(r"^export (.*)$", (ROOT / "docs" / "how-to" / "deployment.md").read_text(), re.MULTILINE)
    assert asked_for == set(re.findall(r"PROXY_[A-Z_]+(?==)", " ".join(exported)))


def test_compose_passes_on_every_setting_with_the_default_of_the_example() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    example = dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    # Compose makes the first, the image sets the second; the third is for a developer's machine, and Compose knows
    # its own proxy.
    elsewhere = {"DATABASE_URL", "HASHED_STATIC_FILES", "DEBUG", "TRUSTED_PROXIES"}
    secrets = set(re.findall(r"^ {4}([A-Z_]+)_FILE: /run/secrets/", compose, re.MULTILINE))

    passed_on = re.findall(r"^ {4}([A-Z_]+): \$\{([A-Z_]+)(:[-?])(.*)\}$", compose, re.MULTILINE)

    assert {name for name, *_ in passed_on} == names_read_by_settings() - elsewhere - secrets
    assert [name for name, source, *_ in passed_on if name != source] == []
    assert [name for name, _, mark, default in passed_on if mark == ":-" and default != example[name]] == []


def test_texts_end_with_one_line_end_and_have_no_spaces_at_the_ends_of_lines() -> None:
    untidy = [
        name
        for name, text in texts(FILES)
        if text and "vendor" not in Path(name).parts and (text[-1] != "\n" or re.search(r"[ \t\r]$", text, re.M))
    ]

    assert untidy == []


def javascript_modules() -> dict[str, str]:
    """The text of each module of our own, by its path."""
    paths = [path for path in FILES if path.suffix == ".js" and not {"vendor", "tests"}.intersection(path.parts)]
    return {name: text for name, text in texts(paths) if re.search(r"^export ", text, re.MULTILINE)}


def test_every_javascript_module_that_needs_no_page_has_unit_tests() -> None:
    pure = [
        Path(name).stem
        for name, text in javascript_modules().items()
        if not re.search(r"\b(document|window|fetch|querySelector\w*|addEventListener)\b|/dom\.js", text)
    ]
    tested = [path.name.removesuffix(".test.js") for path in FILES if path.name.endswith(".test.js")]

    assert sorted(pure) == sorted(tested)


def test_the_chart_has_the_buckets_of_the_api_up_to_a_day() -> None:
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    parameters = document["paths"]["/telemetry/{camera_id}"]["get"]["parameters"]
    buckets = next(one["schema"]["enum"] for one in parameters if one["name"] == "bucket")
    listed = (ROOT / "cameras" / "static" / "cameras" / "series.js").read_text()

    drawn = re.findall(r'^  \["(\w+)", \d+\],$', listed, re.MULTILINE)
    assert sorted([*drawn, "1w", "1mo"]) == sorted(buckets)


def test_every_metric_is_documented() -> None:
    product = " ".join(text for name, text in texts(FILES) if name.startswith(PRODUCT) and name.endswith(".py"))
    documents = " ".join(text for name, text in texts(FILES) if name.startswith("docs/") and name.endswith(".md"))
    metrics = set(re.findall(r'"(controlplane_[a-z_]+)"', product))

    assert "controlplane_cameras" in metrics
    assert sorted(name for name in metrics if not re.search(rf"`{name}\b", documents)) == []


def recipes() -> str:
    """The chapter of CONTRIBUTING.md that says what to touch for each kind of change."""
    return (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Recipes\n")[2].partition("\n## ")[0]


def names_of_tests() -> set[str]:
    return {name for _, text in texts(FILES) for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}


def test_what_the_recipes_and_the_page_of_security_name_exists() -> None:
    for text, least_paths, least_tests in ((recipes(), 40, 0), ((ROOT / "docs/security.md").read_text(), 40, 40)):
        quoted = re.findall(r"`([^`]+)`", text.replace("```sh", "`").replace("```", "`"))
        words = [word for span in quoted for word in span.split()]
        # What is made up stands in <...>; addresses of the service begin with a slash.
        named = {
            word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", word) and not word.startswith(".venv")
        }
        endings = (".py", ".toml", ".yaml", ".md", ".example")
        paths = {word for word in named if "/" in word or word.endswith(endings)}
        tests = {word for word in words if re.fullmatch(r"test_\w+", word)}

        assert (len(paths) >= least_paths, len(tests) >= least_tests) == (True, True)
        assert sorted(path for path in paths if not (ROOT / path).exists()) == []
        assert sorted(tests - names_of_tests()) == []


def slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_documents_link_to_files_and_headings_that_exist() -> None:
    """Of docs/ itself the site's build checks anchors too, but neither pictures nor other files. It holds docs/ alone,
    so that its pages cannot link to what is outside.
    """
    broken = []
    for name, text in texts(path for path in FILES if path.suffix == ".md"):
        for target in re.findall(r"\]\(([^)\s]+)[^)]*\)|<img src=\"([^\"]+)", text):
            path, _, anchor = "".join(target).partition("#")
            linked = (ROOT / name).parent / path if path else ROOT / name
            if "://" in path:
                continue
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE) if anchor else []
            left_the_site = name.startswith("docs/") and not linked.resolve().is_relative_to(ROOT / "docs")
            if left_the_site or not linked.exists() or (anchor and anchor not in map(slug, headings)):
                broken.append(f"{name}: {''.join(target)}")

    assert broken == []


def test_every_document_has_its_place_in_the_site() -> None:
    def pages(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        entries = entry.values() if isinstance(entry, dict) else entry
        return [page for each in entries for page in pages(each)]  # type: ignore[attr-defined]

    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    documents = [path for path in FILES if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")]

    assert sorted(pages(site["nav"])) == sorted(str(path.relative_to(ROOT / "docs")) for path in documents)


@pytest.mark.parametrize("name", ["bin/run", "bin/test", ".ci/run"])
def test_script_can_be_executed_and_stops_at_the_first_fault(name: str) -> None:
    script = ROOT / name

    assert script.stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in script.read_text()

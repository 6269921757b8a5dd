"""An OpenID provider on loopback that says and does what a test wants of it, by real HTTP and with a key of its own."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "control-plane", "c1ient-S3CRET"
DISCOVERY = "/.well-known/openid-configuration"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CODE = "one-C0DE"

PUBLISHED_KEYS = {
    "keys": [json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "k1", "use": "sig", "alg": "RS256"}]
}
Behaviour = Callable[[BaseHTTPRequestHandler], None]


class NowAnd(int):
    """A time in a token: so many seconds from when it is made."""


class Provider:
    """`claims` are put over those of the ID token, `document` over the configuration; None leaves one out.

    `behaviour` answers a path in the place of the provider; `asked` are the paths that were asked for.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.claims: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.behaviour: dict[str, Behaviour] = {}
        self.asked: list[str] = []
        self.sign: Callable[[dict[str, Any]], str] = signed
        self._authorized: dict[str, str] = {}

    def authorize(self, address: str, **claims: Any) -> str:
        """What a browser does there whose person signs in; returns the path and query that it is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.issuer}/authorize?")
        assert (query["client_id"], query["response_type"]) == (CLIENT, "code")
        assert query["code_challenge_method"] == "S256"
        self._authorized = query
        self.claims |= claims
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?{urlencode({'code': CODE, 'state': query['state']})}"

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        path = urlsplit(handler.path).path
        self.asked.append(path)
        if path in self.behaviour:
            return self.behaviour[path](handler)
        if path == DISCOVERY:
            return send(handler, self._configuration())
        if path == "/keys":
            return send(handler, PUBLISHED_KEYS)
        if path == "/token":
            return self._token(handler, {name: values[0] for name, values in parse_qs(body.decode()).items()})
        return send(handler, {}, status=404)

    def _configuration(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return {name: value for name, value in (document | self.document).items() if value is not None}

    def _token(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        begun = self._authorized
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        if handler.headers["Authorization"] != f"Basic {login}":
            return send(handler, {"error": "invalid_client"}, status=401)
        if form["code"] != CODE or digest.rstrip("=") != begun["code_challenge"]:
            return send(handler, {"error": "invalid_grant"}, status=400)
        assert form["redirect_uri"] == begun["redirect_uri"]
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "sub": "subject-1", "nonce": begun["nonce"], "iat": now, "exp": now + 300,
            "preferred_username": "olga",
        } | self.claims  # fmt: skip
        said = {name: value for name, value in claims.items() if value is not None}
        token = self.sign(
            {name: now + value if isinstance(value, NowAnd) else value for name, value in said.items()}
        )
        send(handler, {"access_token": "an-access-T0KEN", "token_type": "Bearer", "id_token": token})


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str | None = "RS256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "k1"} | header)


def send(handler: BaseHTTPRequestHandler, value: Any, status: int = 200) -> None:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def running_provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.answer(self, b"")

        def do_POST(self) -> None:
            provider.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *args: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield provider
    server.shutdown()
    server.server_close()
    thread.join()

"""Who somebody is, by a proxy's header or an OpenID Connect provider: a provider of our own, and what must be refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from workflow import SettableClock
from workflow_adapters.web.login import BEGUN, SESSION, OpenID, forward_auth

ISSUER, NOW = "https://id.example", 1_600_000_000
KEY = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "k1"}, private=True)


class Provider(httpx2.BaseTransport):
    """Answers as a provider does; ``claims`` and ``key`` make it lie. It gives a token once, to who knows the verifier."""

    def __init__(self) -> None:
        self.nonce, self.key, self.claims, self.named = "", KEY, {}, ISSUER
        self.sent: list[dict[str, list[str]]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/.well-known/openid-configuration":
            told = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            return httpx2.Response(200, json={"issuer": self.named, **{k: f"{ISSUER}/{v}" for k, v in told.items()}})
        if request.url.path == "/keys":
            return httpx2.Response(200, json=KeySet([KEY]).as_dict(private=False))
        self.sent.append(parse_qs(request.content.decode()))
        claims = {"iss": ISSUER, "aud": "console", "exp": NOW + 300, "nonce": self.nonce, "sub": "p1", **self.claims}
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)
        return httpx2.Response(200, json={"access_token": "a", "token_type": "Bearer", "id_token": token})


def login(provider: Provider, clock: SettableClock, **more: Any) -> TestClient:
    asked = OpenID(
        ISSUER,
        "console",
        "its-secret",
        address="https://console.example",
        secret=b"s" * 32,
        clock=clock,
        transport=provider,
        **more,
    )

    def me(request: Request) -> Response:
        who = asked.who(request)
        return PlainTextResponse(who.person if who else "nobody")

    app = Starlette(routes=[*asked.routes, Route("/", me)])
    return TestClient(app, base_url="https://console.example", follow_redirects=False)


def begin(client: TestClient, provider: Provider) -> dict[str, str]:
    gone = client.get("/login")
    assert gone.status_code == 303 and gone.headers["location"].startswith(f"{ISSUER}/authorize?")
    said = {k: v[0] for k, v in parse_qs(urlsplit(gone.headers["location"]).query).items()}
    assert said["code_challenge_method"] == "S256" and said["redirect_uri"] == "https://console.example/login/back"
    provider.nonce = said["nonce"]
    return said


def test_who_comes_back_from_the_provider_is_known_until_the_session_ends() -> None:
    provider, clock = Provider(), SettableClock(NOW * 1_000_000)
    client = login(provider, clock)
    said = begin(client, provider)
    came = client.get("/login/back", params={"code": "c", "state": said["state"]})
    assert came.status_code == 303 and came.headers["location"] == "https://console.example/"
    assert all(x in came.headers["set-cookie"] for x in ("HttpOnly", "Secure", "SameSite=lax"))
    assert provider.sent[0]["code_verifier"] and client.get("/").text == "p1"
    clock.advance(timedelta(hours=9))
    assert client.get("/").text == "nobody"


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": NOW - 300},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_a_token_for_another_login_client_or_time_or_of_another_issuer_is_refused(lie: dict[str, Any]) -> None:
    provider = Provider()
    provider.claims = lie
    client = login(provider, SettableClock(NOW * 1_000_000))
    said = begin(client, provider)
    assert client.get("/login/back", params={"code": "c", "state": said["state"]}).status_code == 403
    assert client.get("/").text == "nobody"


def test_a_token_that_another_key_signed_is_refused() -> None:
    provider = Provider()
    provider.key = OTHER
    client = login(provider, SettableClock(NOW * 1_000_000))
    said = begin(client, provider)
    assert client.get("/login/back", params={"code": "c", "state": said["state"]}).status_code == 403


def test_a_login_begun_in_another_browser_is_not_finished_in_this_one() -> None:
    provider, clock = Provider(), SettableClock(NOW * 1_000_000)
    said = begin(login(provider, clock), provider)
    victim = login(provider, clock)
    assert victim.get("/login/back", params={"code": "c", "state": said["state"]}).status_code == 403
    assert not provider.sent and victim.get("/").text == "nobody"


def test_a_planted_session_is_nobodys_and_a_login_makes_a_new_one() -> None:
    provider, clock = Provider(), SettableClock(NOW * 1_000_000)
    client = login(provider, clock)
    said = begin(client, provider)
    begun = client.cookies[BEGUN]
    client.cookies.set(SESSION, begun)  # sealed by us, but for another purpose
    assert client.get("/").text == "nobody"
    client.cookies.delete(SESSION)
    client.get("/login/back", params={"code": "c", "state": said["state"]})
    assert client.cookies[SESSION] != begun and client.get("/").text == "p1"


def test_whom_the_provider_knows_and_the_organisation_does_not_is_nobody() -> None:
    provider = Provider()
    client = login(provider, SettableClock(NOW * 1_000_000), person=lambda _: "")
    said = begin(client, provider)
    assert client.get("/login/back", params={"code": "c", "state": said["state"]}).status_code == 403


def by_header(client_address: str, *values: str) -> str:
    who = forward_auth(["10.0.0.5/32", "::1/128"])
    headers = [(b"x-forwarded-user", v.encode()) for v in values]
    found = who(Request({"type": "http", "headers": headers, "client": (client_address, 1)}))
    return found.person if found else "nobody"


def test_a_header_is_believed_from_the_proxy_alone() -> None:
    assert by_header("10.0.0.5", "p1") == "p1" == by_header("::1", "p1")
    assert by_header("10.0.0.6", "p1") == by_header("testclient", "p1") == "nobody"
    assert by_header("10.0.0.5") == by_header("10.0.0.5", " ") == by_header("10.0.0.5", "p1", "p2") == "nobody"
    with pytest.raises(ValueError, match="at least one proxy"):
        forward_auth([])

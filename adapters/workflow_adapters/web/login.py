"""Two ways for a host to say who somebody is: a proxy in front that has asked already, or an OpenID Connect provider.

Both give the resolver that ``console`` and ``rest`` take. Neither keeps a password. Needs the extra ``login``.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from workflow.clock import Clock, SystemClock
from workflow_adapters.web.access import Identity, Resolver

if TYPE_CHECKING:
    import httpx2

SESSION, BEGUN = "wf_login", "wf_login_begun"
SECOND = 1_000_000  # microseconds
LONGEST_BEGUN = 600  # seconds between asking the provider and coming back
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "ES256",
    "ES384",
    "EdDSA",
)  # never none, never one with a shared secret

Person = Callable[[str], str]
"""The person in the organisation whom a login name belongs to; empty where there is none."""


def forward_auth(
    trusted: Sequence[str], *, header: str = "X-Forwarded-User", person: Person = lambda name: name
) -> Resolver:
    """Who somebody is by a header that a proxy sets, believed from the proxy's own addresses only.

    The server must give the address of the connection itself (uvicorn: ``proxy_headers=False``), and the proxy must
    take the header away from what comes in.

    Args:
        trusted: networks such as ``10.0.0.5/32``.

    Raises:
        ValueError: no network was named, or one is none.
    """
    networks = [ipaddress.ip_network(one) for one in trusted]
    if not networks:
        raise ValueError("expected the address of at least one proxy; got none")

    def who(request: Request) -> Identity | None:
        try:
            address = ipaddress.ip_address(request.client.host if request.client else "")
        except ValueError:
            return None
        said = request.headers.getlist(header)
        if len(said) != 1 or not any(address in n for n in networks if n.version == address.version):
            return None
        found = person(said[0].strip()) if said[0].strip() else ""
        return Identity(found) if found else None

    return who


class OpenID:
    """Login at an OpenID Connect provider: authorization code with PKCE, state and nonce.

    Mount ``routes`` beside the console on the host's application, give ``who`` to the console as its resolver, and link
    to ``/login``. A session is a cookie that this class seals: made anew at each login, so that none can be planted
    beforehand; it ends after ``hours``.

    Args:
        issuer: the provider's address, as its tokens name it; ``https`` unless it is on this machine.
        address: where this application is reached from outside, without a slash at the end.
        secret: at least 32 bytes, the same on every node.
        person: the person in the organisation that a provider's subject belongs to.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        *,
        address: str,
        secret: bytes,
        person: Person = lambda subject: subject,
        claim: str = "sub",
        hours: int = 8,
        clock: Clock | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if len(secret) < 32:
            raise ValueError(f"expected a secret of at least 32 bytes; got {len(secret)}")
        if not issuer.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError(f"expected an issuer with https; got {issuer[:80]}")
        self.issuer, self.client_id, self._client_secret = issuer, client_id, client_secret
        self.address, self._secret, self._person, self.claim = address, secret, person, claim
        self.seconds, self._clock, self._transport = hours * 3600, clock or SystemClock(), transport
        self.routes = [
            Route("/login", self.login, methods=["GET"]),
            Route("/login/back", self.back, methods=["GET"]),
            Route("/logout", self.logout, methods=["GET"]),
        ]

    def who(self, request: Request) -> Identity | None:
        """The resolver: whom the session cookie was made for."""
        told = self._opened(SESSION, request.cookies.get(SESSION, ""))
        return Identity(str(told["person"])) if told else None

    def login(self, request: Request) -> Response:
        """Ask the provider, with marks of our own that must come back."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._client() as client:
            told = self._configuration(client)
            url, _ = client.create_authorization_url(
                told["authorization_endpoint"],
                state=state,
                nonce=nonce,
                code_challenge=create_s256_code_challenge(verifier),
                code_challenge_method="S256",
            )
        response = RedirectResponse(url, status_code=303)
        begun = {"state": state, "nonce": nonce, "verifier": verifier}
        self._keep(
            response, BEGUN, begun, LONGEST_BEGUN, samesite="lax"
        )  # it must come along when the provider sends back
        return response

    def back(self, request: Request) -> Response:
        """Take the code, fetch the token, check it, and begin a session of its own."""
        from authlib.common.errors import AuthlibBaseError
        from httpx2 import HTTPError
        from joserfc.errors import JoseError

        begun = self._opened(BEGUN, request.cookies.get(BEGUN, ""))
        if begun is None or not hmac.compare_digest(str(begun["state"]), request.query_params.get("state", "")):
            return _refused(
                "This login was not begun in this browser, or too long ago. 登录不是在本浏览器发起的或已超时。"
            )
        try:
            with self._client() as client:
                told = self._configuration(client)
                token = client.fetch_token(
                    told["token_endpoint"],
                    code=request.query_params.get("code", ""),
                    code_verifier=str(begun["verifier"]),
                )
                keys = client.request("GET", told["jwks_uri"], withhold_token=True).raise_for_status().json()
            claims = self._checked(str(token.get("id_token", "")), keys, str(begun["nonce"]))
        except (AuthlibBaseError, HTTPError, JoseError, ValueError, KeyError):
            return _refused("The provider's answer could not be accepted. 登录服务的应答未通过检查。")
        person = self._person(str(claims.get(self.claim, "")))
        if not person:
            return _refused("You are known to the provider, but not here. 登录成功,但本系统没有登记您的身份。")
        response = RedirectResponse(f"{self.address}/", status_code=303)
        response.delete_cookie(BEGUN)
        self._keep(response, SESSION, {"person": person}, self.seconds, samesite="lax")
        return response

    def logout(self, request: Request) -> Response:
        response = PlainTextResponse("Signed out. 已退出登录。")
        response.delete_cookie(SESSION)
        return response

    # --- the provider ---------------------------------------------------------------------------------------------

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        return OAuth2Client(
            self.client_id,
            self._client_secret,
            scope="openid",
            redirect_uri=f"{self.address}/login/back",
            transport=self._transport,
            timeout=10,
        )

    def _configuration(self, client: Any) -> Mapping[str, str]:
        place = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = client.request("GET", place, withhold_token=True).raise_for_status().json()
        if answer.get("issuer") != self.issuer:
            raise ValueError("the provider names itself otherwise")
        return {k: str(answer[k]) for k in ("authorization_endpoint", "token_endpoint", "jwks_uri")}

    def _checked(self, id_token: str, keys: Any, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.jwk import KeySet

        token = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=list(ALGORITHMS))
        asked = jwt.JWTClaimsRegistry(
            now=self._clock.now() // SECOND,
            leeway=60,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        asked.validate(token.claims)
        return dict(token.claims)

    # --- cookies --------------------------------------------------------------------------------------------------

    def _keep(self, response: Response, name: str, told: dict[str, str], seconds: int, *, samesite: Any) -> None:
        until = self._clock.now() // SECOND + seconds
        body = urlsafe_b64encode(json.dumps({**told, "until": until}).encode()).decode()
        secure = self.address.startswith("https:")
        value = f"{body}.{self._mark(name, body)}"
        response.set_cookie(name, value, max_age=seconds, httponly=True, secure=secure, samesite=samesite)

    def _opened(self, name: str, value: str) -> dict[str, Any] | None:
        body, _, mark = value.rpartition(".")
        if not body or not hmac.compare_digest(mark.encode(), self._mark(name, body).encode()):
            return None
        told: dict[str, Any] = json.loads(urlsafe_b64decode(body))
        return told if told["until"] > self._clock.now() // SECOND else None

    def _mark(self, name: str, body: str) -> str:
        return hmac.new(self._secret, f"{name}\x00{body}".encode(), hashlib.sha256).hexdigest()


def _refused(said: str) -> Response:
    return PlainTextResponse(said, status_code=403, headers={"Cache-Control": "no-store"})

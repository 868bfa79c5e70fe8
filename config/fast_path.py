"""Lookups answered before Django is asked. What is unusual in any way goes through to Django."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.urls import Resolver404, resolve

from config import dialects, many
from config.bodies import Bodies
from config.hosts import KnownHosts, transport_security
from config.metrics.counting import count
from registry.access import token_digest
from registry.dialects.langfuse import fast as langfuse
from registry.dialects.secret import secret_of, shown_secret
from registry.lookup import Ask, Lookups, Reply

#: Where lookups are: the rest of the path is the name.
API, SEED = "/api/v1/prompts/", "/prompt/"
_LANGFUSE = "/api/public/v2/prompts/"
_LOOKUPS = frozenset({"lookup", "seed-lookup", "langfuse-prompt"})
_Application = Callable[..., Iterable[bytes]]
#: Takes `last_known` by name, as `Lookups.answer` does.
_Answering = Callable[..., Reply | None]
#: What a client that wants JSON sends. Others are for content negotiation to decide.
JSON = frozenset({"", "*/*", "application/json", "application/json, */*"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
#: What Django adds to every answer. Not what it tells browsers about pages: a request with a
#: bearer token is none, and each header costs a microsecond.
HEADERS = [("Allow", "GET, HEAD, OPTIONS"), ("X-Content-Type-Options", "nosniff")]
_POSTED = [("Allow", "POST, OPTIONS"), HEADERS[1]]
_EVALUATED = [("Allow", "POST"), HEADERS[1]]
_LANGFUSE_HEADERS = [("Allow", "GET, HEAD, DELETE"), HEADERS[1]]
#: As many as anybody asks for; who makes up more gets the slow way.
_MOST_REMEMBERED = 20_000


class FastPath:
    """A WSGI application in front of another: the lookups it is sure of, the rest behind it."""

    def __init__(self, django: _Application, lookups: Lookups) -> None:
        """`lookups` are started by the caller."""
        self._django = django
        self._lookups = lookups
        self._hosts = KnownHosts()
        self._bodies = Bodies()
        self._routes: dict[str, bool] = {}
        self._is_tls_only = settings.SECURE_SSL_REDIRECT
        self._tls_header = settings.SECURE_PROXY_SSL_HEADER or ("wsgi.url_scheme", "https")
        self._transport = transport_security()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """One request."""
        if environ["REQUEST_METHOD"] not in _SAFE:
            refusal = self._bodies.take_in(environ, is_known=self._is_known(environ))
            if refusal is not None:
                count(refusal.status)
                return self._sent(refusal, environ, start_response)
        answer = self._answering(environ)
        if answer is None:
            return self._through(environ, start_response)
        reply = answer()
        if reply is None:
            return self._with_a_net(answer, environ, start_response)
        count(reply.status)
        return self._sent(reply, environ, start_response)

    def _answering(self, environ: dict[str, Any]) -> _Answering | None:
        """How to answer this request from the snapshot; None when it is for Django."""
        if environ["REQUEST_METHOD"] == "GET" and (ask := self._ask(environ)) is not None:
            return partial(self._lookups.answer, ask)
        if (read := self._langfuse_ask(environ)) is not None:
            return partial(langfuse.answer, self._lookups, read)
        if (known := dialects.asked(environ, self._lookups)) is not None:
            is_plain = environ.get("HTTP_ACCEPT", "") in JSON
            return known if is_plain and self._is_ours(environ) else None
        what = many.asked(environ)
        secret = self._secret(environ) if what is not None else None
        if what is None or secret is None or not self._is_ours(environ):
            return None
        if isinstance(what, many.BundleAsk):
            return partial(self._lookups.bundle, what.tag, secret, what.if_none_match)
        return partial(self._lookups.batch, what, secret)

    def _is_known(self, environ: dict[str, Any]) -> bool:
        """Whether a token is shown that was good when the database was looked at last."""
        secret = shown_secret(environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_X_API_KEY"))
        return bool(secret) and token_digest(secret or "") in self._lookups.snapshot.tokens

    def _secret(self, environ: dict[str, Any]) -> str | None:
        """The digest of the bearer token, where a program sent one that wants JSON."""
        scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or environ.get("HTTP_ACCEPT", "") not in JSON:
            return None
        if "HTTP_COOKIE" in environ:  # a session, which may be one that has to be ended
            return None
        return token_digest(secret.strip())

    def _ask(self, environ: dict[str, Any]) -> Ask | None:
        """The lookup that this request is; None when it is anything else."""
        path: str = environ["PATH_INFO"]
        if path.startswith(API):
            name, seed = path[len(API) :], False
        elif path.startswith(SEED):
            name, seed = path[len(SEED) :], True
        else:
            return None
        secret = self._secret(environ)
        if secret is None:
            return None
        if not (self._is_ours(environ) and ("/" not in name or self._is_lookup(path))):
            return None
        return Ask(
            name,
            environ.get("QUERY_STRING", ""),
            secret,
            environ.get("HTTP_IF_NONE_MATCH", ""),
            seed,
        )

    def _langfuse_ask(self, environ: dict[str, Any]) -> langfuse.Ask | None:
        """The same for a client of Langfuse, which shows its token another way."""
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "GET" or not path.startswith(_LANGFUSE):
            return None
        secret = secret_of(environ.get("HTTP_AUTHORIZATION", ""))
        if secret is None or "HTTP_COOKIE" in environ or environ.get("HTTP_ACCEPT", "") not in JSON:
            return None
        name = path[len(_LANGFUSE) :]
        if not (self._is_ours(environ) and ("/" not in name or self._is_lookup(path))):
            return None
        version: str = environ.get("HTTP_X_LANGFUSE_SDK_VERSION", "")
        return langfuse.Ask(
            name,
            environ.get("QUERY_STRING", ""),
            token_digest(secret),
            environ.get("HTTP_IF_NONE_MATCH", ""),
            langfuse.is_bare(environ.get("HTTP_USER_AGENT", ""), version),
        )

    def _is_ours(self, environ: dict[str, Any]) -> bool:
        """Whether Django would serve this host, and over this scheme."""
        known = environ.get("HTTP_HOST", "") in self._hosts
        return known and (not self._is_tls_only or self._is_secure(environ))

    def _is_secure(self, environ: dict[str, Any]) -> bool:
        name, value = self._tls_header
        return bool(environ.get(name, "").split(",")[0].strip() == value)

    def _is_lookup(self, path: str) -> bool:
        """Whether the address of a prompt in a folder is not that of something else."""
        known = self._routes.get(path)
        if known is None:
            try:
                known = resolve(path).url_name in _LOOKUPS
            except Resolver404:
                known = False
            if len(self._routes) < _MOST_REMEMBERED:
                self._routes[path] = known
        return known

    def _sent(
        self, reply: Reply, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]:
        headers = reply.headers + _always(environ)
        if reply.body:
            headers.append(("Content-Length", str(len(reply.body))))
        if self._transport and self._is_secure(environ):
            headers.append(self._transport)
        start_response(_REASONS[reply.status], headers)
        return [reply.body]

    def _through(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Let Django answer. Who has written something here sees it here at once."""
        answer = self._django(environ, start_response)
        if environ["REQUEST_METHOD"] not in _SAFE:
            self._lookups.keeper.expire()
        return answer

    def _with_a_net(
        self, answer_now: _Answering, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Any:
        """Let Django answer; if it cannot reach the database, say what was last known."""
        held: list[tuple[Any, ...]] = []
        answer = self._django(environ, lambda *started: held.append(started))
        if held[0][0].startswith("503"):
            reply = answer_now(last_known=True)
            if reply is not None:
                _close(answer)
                return self._sent(reply, environ, start_response)
        start_response(*held[0])
        return answer


def _always(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """What the view of this request adds to every answer."""
    if environ["PATH_INFO"].startswith(dialects.OFREP):
        return _EVALUATED
    if environ["REQUEST_METHOD"] != "GET":
        return _POSTED
    return _LANGFUSE_HEADERS if environ["PATH_INFO"].startswith(_LANGFUSE) else HEADERS


def _close(answer: Any) -> None:
    if hasattr(answer, "close"):
        answer.close()

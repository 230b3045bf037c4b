"""A page of another origin, and what it tries against the services of a lab."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.integration.services import DAG, KEY
from tests.loopback import http_server

FETCH = """
async tried => {
    const said = [];
    for (const {url, ...options} of tried) {
        if (options.untyped) options.body = new Blob([options.body]);  // a request without a Content-Type
        try {
            const answer = await fetch(url, options);
            const text = await answer.text();
            if (answer.type !== "opaque" || text)
                said.push(`${options.method} ${url}: ${answer.status} ${text.slice(0, 200)}`);
        } catch (error) { /* the browser refused to show the answer */ }
    }
    return said;
}
"""
"""Sends each request; returns what the page was given to read."""
EMBED = """
([tag, name, url]) => new Promise(done => {
    const element = document.createElement(tag);
    element.onload = () => done("load");
    element.onerror = () => done("error");
    element[name] = url;
    if (tag === "link") element.rel = "stylesheet";
    document.body.append(element);
})
"""
FRAMED = """
() => [...document.querySelectorAll("iframe")].map(frame => {
    try { return frame.contentDocument?.body?.innerText ?? ""; } catch { return ""; }
}).filter(text => text)
"""
"""What the page can read of its frames."""
SUBMIT = """
([url, type, name, value]) => {
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: url, enctype: type, target: "answer"});
    const field = document.createElement("input");
    Object.assign(field, {type: "hidden", name, value});
    form.append(field);
    document.body.append(form);
    form.submit();
}
"""
SOCKET = """
url => new Promise(done => {
    const socket = new WebSocket(url);
    socket.onopen = () => done("open");
    socket.onerror = () => done("refused");
})
"""


@contextlib.contextmanager
def other_origin() -> Iterator[int]:
    """The port on loopback of an empty page with a frame for the answers of forms."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b"<!doctype html><title>another origin</title><body><iframe name=answer></iframe>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with http_server(Handler) as port:
        yield port


def reading(urls: dict[str, str]) -> list[dict[str, Any]]:
    """Requests that want to read, with and without what the browser knows of the person."""
    places = [
        f"{urls['airflow']}/api/v2/{name}" for name in ("dags", "connections", "variables", "config", "dagSources/x")
    ]
    places += [f"{urls['airflow']}/", f"{urls['airflow']}/ui/auth/me", f"{urls['airflow']}/auth/token"]
    places += [
        f"{urls['s3']}/mlops-lab",
        f"{urls['s3']}/mlops-lab/{KEY}",
        f"{urls['s3']}/",
        f"{urls['s3']}/_localstack/info",
    ]
    places += [f"{urls['repository']}/info/refs?service=git-upload-pack", f"{urls['repository']}/HEAD"]
    places += [f"{urls['supervisor']}/", f"{urls['supervisor']}/logtail/git"]
    ways = [{"mode": mode, "credentials": given} for mode in ("cors", "no-cors") for given in ("include", "omit")]
    return [{"url": url, "method": "GET", **way} for url in places for way in ways]


def writing(urls: dict[str, str], deletion: str) -> list[dict[str, Any]]:
    """Requests that want to write or delete, each in the ways that a page may try."""
    run = '{"dag_run_id": "attack", "logical_date": null, "conf": {}}'
    air, s3, git = urls["airflow"], urls["s3"], urls["repository"]
    posts = [
        (f"{air}/api/v2/dags/{DAG}/dagRuns", run),
        (f"{air}/api/v2/dags/{DAG}/favorite", ""),
        (f"{air}/api/v2/connections/defaults", ""),
        (f"{air}/api/v2/assets/1/materialize", ""),
        (f"{air}/api/v2/variables", '{"key": "attack", "value": "1"}'),
        (f"{air}/api/v2/pools", '{"name": "attack", "slots": 1}'),
        (f"{air}/api/v2/assets/events", '{"asset_id": 1, "extra": {}}'),
        (f"{air}/api/v2/dags/{DAG}/clearTaskInstances", '{"dry_run": false}'),
        (f"{air}/execution/assets/by-name", ""),
        (f"{s3}/mlops-lab", ""),
        (f"{s3}/mlops-lab?delete", f"<Delete><Object><Key>{KEY}</Key></Object></Delete>"),
        (f"{s3}/mlops-lab/{KEY}?uploads", ""),
        (f"{s3}/_localstack/health", '{"action": "kill"}'),
        (f"{s3}/_localstack/state/reset", ""),
        (f"{s3}/", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/x&RoleSessionName=x"),
        (f"{git}/git-receive-pack", deletion),
        (f"{urls['supervisor']}/RPC2", "<methodCall><methodName>supervisor.shutdown</methodName></methodCall>"),
    ]
    types = [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/x-git-receive-pack-request",
    ]
    tried: list[dict[str, Any]] = []
    for url, body in posts:
        for mode in ("cors", "no-cors"):
            usual = {"url": url, "method": "POST", "mode": mode, "credentials": "include", "body": body}
            tried += [{**usual, "headers": {"Content-Type": kind}} for kind in types]
            tried += [{**usual, "untyped": True}, {**usual, "credentials": "omit"}, {**usual, "keepalive": True}]
    others = [("PUT", f"{s3}/mlops-lab/attack"), ("DELETE", f"{s3}/mlops-lab/{KEY}"), ("DELETE", f"{s3}/mlops-lab"),
              ("DELETE", f"{air}/api/v2/pools/default_pool"), ("PATCH", f"{air}/api/v2/dags/{DAG}"),
              ("DELETE", f"{air}/api/v2/dags/{DAG}")]  # fmt: skip
    return tried + [{"url": url, "method": method, "mode": "cors", "credentials": "include"} for method, url in others]


def forms(urls: dict[str, str], deletion: str) -> list[tuple[str, str, str, str]]:
    """Address, encoding, name and value of forms; as text/plain, name and value are one text with `=` between."""
    air, s3 = urls["airflow"], urls["s3"]
    run = ('{"dag_run_id": "attack", "logical_date": null, "conf": {"', '": 1}}')
    encodings = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")
    tried = [(f"{air}/api/v2/dags/{DAG}/dagRuns", *run), (f"{air}/api/v2/dags/{DAG}/favorite", "a", "b"),
             (f"{air}/api/v2/connections/defaults", "a", "b"), (f"{s3}/mlops-lab", "key", "attack"),
             (f"{s3}/_localstack/health", '{"action": "kill", "a": "', '"}'),
             (f"{urls['repository']}/git-receive-pack", deletion, "")]  # fmt: skip
    return [(url, kind, name, value) for url, name, value in tried for kind in encodings]

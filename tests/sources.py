# SPDX-License-Identifier: Apache-2.0
"""Context sources for the tests of distributed operations: an endpoint that answers as it is told."""
import http.server
import json
import threading

NGSI = "/ngsi-ld/v1"


class Source:
    """A real endpoint on a free port. answer(method, path, headers, body) gives (status, body[, headers])."""

    def __init__(self, answer):
        self.requests = []
        self.released = threading.Event()
        source = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                source.requests.append((self.command, self.path, dict(self.headers), body))
                status, answer, *more = source.answer(self.command, self.path, self.headers, body)
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                text = b"" if status == 204 else text
                self.send_response(status)
                for name, value in (more[0] if more else {"Content-Type": "application/json"}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve

            def log_message(self, *args):
                pass

        self.answer = answer
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *args: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def hang(self, *args):
        """An answer that comes too late for everybody."""
        self.released.wait(60)
        return 200, []


def register(hub, endpoint, information, **members):
    """Registers a source; returns the id of the registration."""
    number = register.count = getattr(register, "count", 0) + 1
    body = {"id": f"urn:ngsi-ld:ContextSourceRegistration:{number}", "type": "ContextSourceRegistration",
            "endpoint": endpoint, "information": information if isinstance(information, list) else [information],
            **members}
    answer = hub.post(NGSI + "/csourceRegistrations", body)
    assert answer.status == 201, answer
    return body["id"]


def entity(number, kind="Room", **values):
    return {"id": f"urn:ngsi-ld:{kind}:{number}", "type": kind,
            **{k: v if isinstance(v, dict) else {"type": "Property", "value": v} for k, v in values.items()}}


def create(hub, *entities):
    for one in entities:
        assert hub.post(NGSI + "/entities", one).status == 201


def warnings(answer):
    """The codes of NGSILD-Warning."""
    text = answer.headers["NGSILD-Warning"]
    return [int(part.strip()[:3]) for part in text.split('", ')] if text else []

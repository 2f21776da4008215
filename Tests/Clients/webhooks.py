"""Receives a running server's webhooks as a service of somebody's own does, and checks them with the library of Standard Webhooks.

usage: PANAL_KEY=pnl_… webhooks.py SERVER

The server has to be allowed to send to this machine (--webhook-networks 127.0.0.0/8), and the key to change the account.
"""

import atexit
import http.server
import os
import queue
import sys
import threading

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

server, key = sys.argv[1], os.environ["PANAL_KEY"]
http_client = httpx.Client(base_url=server, headers={"Authorization": f"Bearer {key}"}, timeout=60)
received = queue.Queue()
# What is answered to messages, one after the other; then 204.
answers = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.put((self.path, dict(self.headers.items()), body))
        self.send_response(answers.get_nowait() if not answers.empty() else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def check(is_right, what):
    if not is_right:
        sys.exit(f"not right: {what}")
    print(f"right: {what}")


def next_message(path, secret):
    """The next message to `path`, once the library has found it to be signed by `secret`."""
    came, headers, body = received.get(timeout=60)
    check(came == path, f"the message comes to {path}")
    return Webhook(secret).verify(body, headers), headers, body


def refuses(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{receiver.server_port}"

made = http_client.post("/api/v1/webhooks", json={"url": f"{here}/all", "events": ["job.started", "job.finished"]})
if made.status_code != 201:
    sys.exit(f"the webhook was refused: {made.text}")
hook = made.json()
# A receiver that is gone would be sent to for a day and a half.
atexit.register(lambda: http_client.delete(f"/api/v1/webhooks/{hook['id']}"))
tested = http_client.post(f"/api/v1/webhooks/{hook['id']}/test").json()
message, headers, body = next_message("/all", hook["secret"])
check(message["type"] == "webhook.test", "a test message is signed as the library expects it")
names = {name.lower(): value for name, value in headers.items()}
check(names["webhook-id"] == tested["id"], "it has the id that the log names")
check(refuses(hook["secret"], headers, body + b" "), "the library refuses it with another body")
check(refuses("whsec_" + "A" * 32, headers, body), "the library refuses it with another secret")
check(refuses(hook["secret"], {**headers, "webhook-timestamp": "1"}, body), "the library refuses it with another time")

secret = http_client.post("/api/v1/webhooks/callback-secret").json()["secret"]
job = http_client.post(
    "/api/v1/programs/client-echo/jobs", json={"text": "told", "_callback": f"{here}/one"}).json()
told = {}
for _ in range(3):
    path, headers, body = received.get(timeout=60)
    message = Webhook(secret if path == "/one" else hook["secret"]).verify(body, headers)
    told.setdefault(path, []).append(message)
check({message["type"] for message in told["/all"]} == {"job.started", "job.finished"}, "a job's events are told")
check([message["type"] for message in told["/one"]] == ["job.finished"], "a job's own callback is told of its end")
check(all(m["data"]["job"] == job["id"] for ms in told.values() for m in ms), "they name the job")

deliveries = http_client.get(f"/api/v1/webhooks/{hook['id']}/deliveries").json()["deliveries"]
check(len(deliveries) == 3, "the log has all of them")
check(all(d["attempts"] for d in deliveries if d["event"] == "webhook.test"), "and what was answered")
check(http_client.delete(f"/api/v1/webhooks/{hook['id']}").status_code == 204, "the webhook is ended")
receiver.shutdown()

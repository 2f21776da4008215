"""Uses the client that openapi-python-client has made out of a server's document. It lies beside in `panal_client`.

usage: PANAL_KEY=pnl_… generated.py SERVER
"""

import os
import sys
import time
import uuid

import httpx
from panal_client import AuthenticatedClient
from panal_client.api.account import get_account
from panal_client.api.jobs import get_job, get_standard_output, list_jobs, run_client_echo
from panal_client.models import Job, Problem, RunClientEchoJsonClientEcho

client = AuthenticatedClient(
    base_url=sys.argv[1], token=os.environ["PANAL_KEY"], timeout=httpx.Timeout(120))


def check(is_right, what):
    if not is_right:
        sys.exit(f"not right: {what}")
    print(f"right: {what}")


check(get_account.sync(client=client).name, "the generated client signs in")
answer = run_client_echo.sync(
    client=client, body=RunClientEchoJsonClientEcho(text="generated"), prefer="wait=30",
    idempotency_key=str(uuid.uuid4()))
limit = time.monotonic() + 300
while isinstance(answer, Job) and not answer.final and time.monotonic() < limit:
    answer = get_job.sync(answer.id, client=client, prefer="wait=30")
check(isinstance(answer, Job) and answer.outcome.success, "a program is a function of the generated client")
check(get_standard_output.sync_detailed(answer.id, client=client).content == b"generated\n", "its output comes back")
refused = run_client_echo.sync(client=client, body=RunClientEchoJsonClientEcho(text="x" * 70_000))
check(isinstance(refused, Problem) and refused.errors[0].pointer == "/text", "a mistake names its field")
check(len(list_jobs.sync(client=client, limit=1).jobs) == 1, "jobs are listed")

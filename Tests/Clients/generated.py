"""Uses the client that openapi-python-client has made out of a server's document. It lies beside in `panal_client`.

usage: PANAL_KEY=pnl_… generated.py SERVER
"""

import io
import os
import sys
import time
import uuid

import httpx
from panal_client import AuthenticatedClient
from panal_client.api.account import get_account
from panal_client.api.credits_ import get_usage_table
from panal_client.api.jobs import get_job, get_standard_output, list_jobs, run_client_echo, submit_job
from panal_client.models import Estimate, Job, Problem, RunClientEchoRequest, Submission, SubmitJobFilesBody
from panal_client.types import File

client = AuthenticatedClient(
    base_url=sys.argv[1], token=os.environ["PANAL_KEY"], timeout=httpx.Timeout(120))


def check(is_right, what):
    if not is_right:
        sys.exit(f"not right: {what}")
    print(f"right: {what}")


check(get_account.sync(client=client).name, "the generated client signs in")
answer = run_client_echo.sync(
    client=client, body=RunClientEchoRequest(text="generated"), prefer="wait=30",
    idempotency_key=str(uuid.uuid4()))
limit = time.monotonic() + 300
while isinstance(answer, Job) and not answer.final and time.monotonic() < limit:
    answer = get_job.sync(answer.id, client=client, prefer="wait=30")
check(isinstance(answer, Job) and answer.outcome.success, "a program is a function of the generated client")
check(get_standard_output.sync_detailed(answer.id, client=client).content == b"generated\n", "its output comes back")
refused = run_client_echo.sync(client=client, body=RunClientEchoRequest(text="x" * 70_000))
check(isinstance(refused, Problem) and refused.errors[0].pointer == "/text", "a mistake names its field")
check(len(list_jobs.sync(client=client, limit=1).jobs) == 1, "jobs are listed")
part = get_standard_output.sync_detailed(answer.id, client=client, range_="bytes=0-2")
check(part.status_code == 206 and part.parsed == "gen", "a part of the output comes back")
estimate = submit_job.sync("client-echo", client=client, body=Submission.from_dict({"text": "x", "_dryRun": True}))
check(isinstance(estimate, Estimate) and estimate.valid, "an estimate is told from a job")
form = SubmitJobFilesBody()
form["text"] = File(payload=io.BytesIO(b"in a form"))
sent = submit_job.sync("client-echo", client=client, body=form, prefer="wait=30")
check(isinstance(sent, Job) and sent.fields[0].value == "in a form", "a form is sent, and no default with it")
check(get_usage_table.sync_detailed(client=client).parsed.startswith("month,"), "use comes as a table")

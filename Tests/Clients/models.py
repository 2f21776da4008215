"""Reads a server's answers by the models that datamodel-code-generator has made out of its document. They lie beside in `panal_models`.

usage: PANAL_KEY=pnl_… models.py SERVER
"""

import os
import sys

import httpx
import panal_models as models
from pydantic import ValidationError

http = httpx.Client(base_url=sys.argv[1], headers={"Authorization": f"Bearer {os.environ['PANAL_KEY']}"}, timeout=60)


def check(is_right, what):
    if not is_right:
        sys.exit(f"not right: {what}")
    print(f"right: {what}")


def get(path):
    return http.get(path).raise_for_status().json()


jobs = get("/api/v1/jobs?limit=20")["jobs"]
read = [models.Job.model_validate(job) for job in jobs]
check(read and all(job.id for job in read), "jobs are read by their model")
check(any(job.outcome and job.outcome.success for job in read), "and how they ended")
events = get(f"/api/v1/jobs/{jobs[0]['id']}/events")["events"]
check([models.JobEvent.model_validate(event) for event in events], "events are read by their model")
try:
    models.Job.model_validate({name: value for name, value in jobs[0].items() if name != "state"})
    check(False, "a job without a state is no job")
except ValidationError:
    check(True, "a job without a state is no job")
check(models.CreditAccount.model_validate(get("/api/v1/credits")).balance is not None, "an account is read by its model")
refused = http.get("/api/v1/jobs/00000000000000000000")
check(models.Problem.model_validate(refused.json()).status == refused.status_code, "a refusal is read by its model")
programs = get("/api/v1/programs")["programs"]
check([models.Program.model_validate(program) for program in programs], "programs are read by their model")

"""Asks a server through the generated client: make client, then

PYTHONPATH=build build/generator/bin/python examples/serve/client.py http://127.0.0.1:8000 TEXT
"""

import sys

from mclas_client import AuthenticatedClient, Client
from mclas_client.api.summaries import list_models, summarize
from mclas_client.models import ProblemBody, SummarizeRequest

address, text = sys.argv[1:3]
# With keys: AuthenticatedClient(base_url=address, token="KEY").
client: Client | AuthenticatedClient = Client(base_url=address, timeout=120)

models = list_models.sync(client=client)
print("models:", ", ".join(model.name for model in models.models))
answer = summarize.sync(client=client, body=SummarizeRequest(text=text, beam=2))
if isinstance(answer, ProblemBody):
    sys.exit(f"{answer.status}: {answer.detail}")
for language, summary in answer.results[0].summaries.additional_properties.items():
    print(f"{language}: {summary}")

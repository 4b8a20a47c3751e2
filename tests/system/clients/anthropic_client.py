"""Drives a node with Anthropic's own client. Arguments: base URL, key. Any deviation raises."""

import sys

import anthropic

base_url, key = sys.argv[1:3]
client = anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0, timeout=30)
arguments = {"max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}

for model in ["claude", "mock"]:
    whole = client.messages.create(model=model, **arguments)
    assert whole.content[0].text == "The upstream answers.", whole
    assert (whole.stop_reason, whole.usage.output_tokens) == ("end_turn", 5), whole

    with client.messages.stream(model=model, **arguments) as stream:
        assert sum(1 for _ in stream.text_stream) == 5
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 5), final


def refused(kind, status, code, client=client, **more):
    try:
        client.messages.create(**arguments, **more)
    except kind as error:
        assert (error.status_code, error.body["error"]["code"]) == (status, code), error
    else:
        raise AssertionError(f"{more} was not refused")


refused(anthropic.NotFoundError, 404, "not-found", model="claude-9")
refused(anthropic.InternalServerError, 502, "upstream-error", model="claude-500")
stranger = anthropic.Anthropic(base_url=base_url, api_key=key[:-1], max_retries=0)
refused(anthropic.AuthenticationError, 401, "unauthenticated", client=stranger, model="claude")

try:
    with client.messages.stream(model="claude-cut", **arguments) as stream:
        list(stream.text_stream)
except anthropic.APIStatusError as error:
    assert error.body["error"]["code"] == "upstream-error", error
else:
    raise AssertionError("a broken stream looked complete")

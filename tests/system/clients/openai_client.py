"""Drives a node with OpenAI's own client. Arguments: base URL, key. Any deviation raises."""

import sys

import openai

base_url, key = sys.argv[1:3]
client = openai.OpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, timeout=30)
messages = [{"role": "user", "content": "hello"}]

assert "mock" in [model.id for model in client.models.list()]
assert client.models.retrieve("mock").id == "mock"

whole = client.chat.completions.create(model="mock", messages=messages, max_tokens=5)
assert whole.choices[0].message.content == "The upstream answers."
assert whole.usage.completion_tokens == 5

raw = client.chat.completions.with_raw_response.create(model="mock", messages=messages)
assert raw.headers["x-atp-route-reason"] and raw.headers["x-atp-hold"]

chunks = list(client.chat.completions.create(model="mock", messages=messages, max_tokens=5, stream=True))
assert sum(bool(chunk.choices[0].delta.content) for chunk in chunks) == 5
assert chunks[-1].choices[0].finish_reason == "stop"

chunks = list(
    client.chat.completions.create(
        model="mock", messages=messages, max_tokens=5, stream=True, stream_options={"include_usage": True}
    )
)
assert chunks[-1].usage.completion_tokens == 5 and not chunks[-1].choices

embedding = client.embeddings.create(model="mock", input=["a", "b"], encoding_format="float")
assert [row.index for row in embedding.data] == [0, 1]


def refused(kind, status, code, **arguments):
    try:
        client.chat.completions.create(messages=messages, **arguments)
    except kind as error:
        assert (error.status_code, error.code) == (status, code), error
    else:
        raise AssertionError(f"{arguments} was not refused")


refused(openai.NotFoundError, 404, "not-found", model="gpt-9")
refused(openai.InternalServerError, 502, "upstream-error", model="mock-500")
client.api_key = key[:-1]
refused(openai.AuthenticationError, 401, "unauthenticated", model="mock")
client.api_key = key

try:
    for _ in client.chat.completions.create(model="mock-cut", messages=messages, max_tokens=8, stream=True):
        pass
except openai.APIError as error:
    assert error.code == "upstream-error", error
else:
    raise AssertionError("a broken stream looked complete")

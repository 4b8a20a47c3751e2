// Drives a node with OpenAI's own client. Arguments: base URL, key, and where the client is installed. Any deviation throws.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [baseURL, apiKey, installed] = process.argv.slice(2);
const { default: OpenAI } = createRequire(`${installed}/`)("openai");
const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0, timeout: 30_000 });
const ask = { model: "mock", max_tokens: 5, messages: [{ role: "user", content: "hello" }] };

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert(models.includes("mock"));

const whole = await client.chat.completions.create(ask);
assert.equal(whole.choices[0].message.content, "The upstream answers.");
assert.equal(whole.usage.completion_tokens, 5);

let tokens = 0;
let usage;
const stream = await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  tokens += chunk.choices[0]?.delta.content ? 1 : 0;
  usage = chunk.usage ?? usage;
}
assert.deepEqual([tokens, usage.completion_tokens], [5, 5]);

const embedding = await client.embeddings.create({ model: "mock", input: "a", encoding_format: "float" });
assert.equal(embedding.data.length, 1);

const refused = async (work, status, code) =>
  assert.rejects(work, (error) => {
    assert.deepEqual([error.status, error.code], [status, code]);
    return true;
  });
await refused(client.chat.completions.create({ ...ask, model: "gpt-9" }), 404, "not-found");
await refused(client.chat.completions.create({ ...ask, model: "mock-500" }), 502, "upstream-error");
await refused(client.withOptions({ apiKey: apiKey.slice(0, -1) }).models.list(), 401, "unauthenticated");

const broken = await client.chat.completions.create({ ...ask, model: "mock-cut", stream: true });
await assert.rejects(async () => {
  for await (const _ of broken);
});

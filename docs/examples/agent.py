"""An agent that dials in to a node over ATP and works: it answers every request with the text in upper case.

    python agent.py ws://127.0.0.1:7443/ws "$KEY"

With the URLs of several nodes before the key it dials the next one whenever a connection is lost.
Needs the package `websockets`. Ask it by naming it as the model: `"model": "upper.example"`.
"""

import asyncio
import json
import random
import secrets
import sys
import time

import websockets

WINDOW = {"max_parallel": 8, "max_tokens": 1_000_000, "max_usd_micros": 0}


def frame(kind, content, session="-", stream="-", seq=0, flags=("CTRL",), **more):
    return json.dumps({
        "v": 1, "session_id": session, "stream_id": stream, "msg_seq": seq, "frag_seq": 0, "flags": list(flags),
        "qos": "silver", "ttl": 8, "window": WINDOW, "meta": {}, "payload": {"type": kind, "content": content},
        **more,
    })


def text_of(content):
    if "prompt" in content:
        return content["prompt"]
    return "\n".join(turn["content"] for turn in content["messages"] if isinstance(turn["content"], str))


async def work(socket, request):
    """Two messages on the stream of the request: one piece of the answer, then the final with whatever is left."""
    session, stream = request["session_id"], request["stream_id"]
    text = text_of(request["payload"]["content"]).upper()
    usage = {"in_tokens": len(text) // 4 + 1, "out_tokens": len(text) // 4 + 1, "usd_micros": 0}
    await socket.send(frame("agent.result.partial", {"text": text}, session, stream, 1, []))
    await socket.send(frame("agent.result.final", {"usage": usage}, session, stream, 2, ["FIN"]))


async def main(url, key):
    headers = {"authorization": f"Bearer {key}"}
    async with websockets.connect(url, additional_headers=headers, subprotocols=["atp.v1.json"]) as socket:
        hello = {"versions": ["1.1", "1.0"], "encodings": ["json"], "compressions": [], "features": [], "role": "agent"}
        fresh = {"nonce": secrets.token_urlsafe(16), "ts": int(time.time() * 1000)}
        await socket.send(frame("control.hello", hello, flags=["SYN", "CTRL"], **fresh))
        await socket.send(frame("adapter.capability", {
            "adapter_id": "upper.example", "adapter_type": "agent", "capabilities": ["chat"], "models": ["upper.example"],
            "cost_per_token_micros": 0, "usage_mode": "cumulative",
        }))
        async for message in socket:
            received = json.loads(message)
            kind = received["payload"]["type"]
            print(kind, file=sys.stderr, flush=True)
            if kind == "agent.request":
                await work(socket, received)
            elif kind == "heartbeat":
                await socket.send(frame("heartbeat", {}, flags=["HB", "ACK"]))
                await socket.send(frame("adapter.health", {"adapter_id": "upper.example", "status": "healthy"}))
            elif kind == "control.error":
                print(received["payload"]["content"], file=sys.stderr, flush=True)


async def keep(urls, key):
    """Node after node: each wait is twice as long, up to half a minute, and never quite as long as anybody else's."""
    wait = 1
    while True:
        for url in urls:
            began = time.monotonic()
            try:
                await main(url, key)
            except websockets.ConnectionClosed as lost:
                # The key was revoked, or another has taken the name: dialling again would not help, or take it back.
                if lost.rcvd and lost.rcvd.code in (4401, 4409):
                    raise
            except (OSError, websockets.WebSocketException) as lost:
                print(lost, file=sys.stderr)
            if time.monotonic() - began > 60:
                wait = 1
            await asyncio.sleep(wait * random.uniform(0.5, 1))
            wait = min(2 * wait, 30)


asyncio.run(keep(sys.argv[1:-1], sys.argv[-1]))

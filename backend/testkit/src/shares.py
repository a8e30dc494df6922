#!/usr/bin/env python3
# An agent that wants more than its share. What it does is in /workspace/attack: `questions`, `log`, `names`, `lines`,
# `calls` or `spend`. Without that file it is an honest one, the real one.
import http.client, json, os, subprocess, sys, threading, time, urllib.parse

MIB = 1 << 20
if not os.path.exists("/workspace/attack"):
    os.execv("/usr/local/bin/claude-real", ["claude", *sys.argv[1:]])
attack = open("/workspace/attack").read().strip()


def say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def init(model):
    say({"type": "system", "subtype": "init", "model": model, "session_id": "4f0c7a52-6f6c-4a57-9c8e-0c8b1f6f1c11"})


def question(number, text):
    asked = {"questions": [{"question": text, "options": [{"label": "x" * len(text)}] * 40}]}
    request = {"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "input": asked}
    say({"type": "control_request", "request_id": f"q{number}", "request": request})


def begin(length):
    """A call to the model that is about to say so many bytes."""
    base = urllib.parse.urlsplit(os.environ["ANTHROPIC_BASE_URL"])
    call = http.client.HTTPConnection(base.hostname, base.port)
    call.putrequest("POST", "/v1/messages")
    token = os.environ.get("ANTHROPIC_API_KEY") or os.environ.get("ANTHROPIC_AUTH_TOKEN")
    for name, value in {"x-api-key": token, "content-type": "application/json", "content-length": str(length)}.items():
        call.putheader(name, value)
    call.endheaders()
    return call


if attack == "questions":
    init("m")
    # Sixty of four megabytes, some that are kept as artifacts, and many small ones.
    for number in range(60):
        question(number, "q" * (4 * MIB // 41))
    for number in range(60, 64):
        question(number, "w" * 40_000)
    for number in range(64, 200):
        question(number, "Which?")
    denied = 0
    for line in sys.stdin:
        denied += '"behavior":"deny"' in line.replace(" ", "")
        if denied == 184:
            say({"type": "assistant", "message": {"content": [{"type": "text", "text": "184 were denied"}]}})
elif attack == "log":
    subprocess.run("echo kept > kept.txt; git add kept.txt; git commit -qm Kept", shell=True, check=True)
    init("m")
    while True:
        say({"type": "assistant", "message": {"content": [{"type": "text", "text": "x" * 10_000}]}})
elif attack == "lines":
    init("m")
    for letter in "abc":
        say({"type": "assistant", "message": {"content": [{"type": "text", "text": letter * (30 * MIB)}]}})
    say({"type": "result", "subtype": "success", "is_error": False, "result": "Done.", "session_id": "4f0c7a52-6f6c-4a57-9c8e-0c8b1f6f1c11"})
elif attack == "calls":
    init("m")
    held = []
    # Calls that are begun and never ended, each with as much as anybody takes of it.
    for _ in range(200):
        try:
            call = begin(20 * MIB)
            call.sock.settimeout(0.2)
            held.append(call)
            call.send(b'{"model": "claude-opus-5-5", "messages": "')
            while True:
                call.send(b"x" * (64 << 10))
        except OSError:
            pass
    say({"type": "assistant", "message": {"content": [{"type": "text", "text": "calls are held"}]}})
    time.sleep(100_000)
elif attack == "spend":
    init("m")
    body = json.dumps({"model": "claude-opus-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "[[dear]]"}]}).encode()

    def spend():
        call = begin(len(body))
        call.send(body)
        call.getresponse().read()

    calls = [threading.Thread(target=spend) for _ in range(20)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    say({"type": "result", "subtype": "success", "is_error": False, "result": "Spent.", "session_id": "4f0c7a52-6f6c-4a57-9c8e-0c8b1f6f1c11"})
else:
    init("m" * (30 * MIB))
    say({"type": "result", "subtype": "success", "is_error": False, "result": "r" * (30 * MIB), "session_id": "s" * MIB})

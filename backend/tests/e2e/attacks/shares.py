#!/usr/bin/env python3
# An agent that wants more than its share. What it does is in /workspace/attack: `questions`, `log` or `names`.
import json, subprocess, sys, time

MIB = 1 << 20
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
else:
    init("m" * (30 * MIB))
    say({"type": "result", "subtype": "success", "is_error": False, "result": "r" * (30 * MIB), "session_id": "s" * MIB})

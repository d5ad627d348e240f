"""A chat with OpenAI's client whose turns are logged; the chat does not wait for the log.

It needs `pip install openai ./client`, from where chatlog's source is, and CHATLOG_URL, CHATLOG_TOKEN and
OPENAI_API_KEY in the environment.
"""

from __future__ import annotations

import sys

from openai import OpenAI

from chatlog_client import ChatLog

MODEL = "gpt-4o-mini"


def main() -> None:
    """Answer what is typed, until nothing is."""
    assistant, log = OpenAI(), ChatLog()
    session = log.session(user_id="someone", model=MODEL)
    said: list[dict[str, str]] = []
    while question := input("> "):
        said.append({"role": "user", "content": question})
        with session.asked(question) as turn:
            completion = assistant.chat.completions.create(model=MODEL, messages=said)
            answer = completion.choices[0].message.content or ""
            turn.answer(answer, metadata={"tokens": completion.usage.total_tokens})
        said.append({"role": "assistant", "content": answer})
        sys.stdout.write(f"{answer}\n")
    log.close()


if __name__ == "__main__":
    main()

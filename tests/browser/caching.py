"""A llama-server that counts as a real one would, so that figures on the page add up: each slot holds the text
of its last request, and what a prompt shares with it is cached.
"""

from os.path import commonprefix  # by characters

from tests.fakes.llama_double import Json, LlamaDouble, rendered
from tests.fakes.scripted import Step
from tests.fakes.scripted_replies import chat_reply, json_response

CHARACTERS = 4  # a token
READ_MS, WRITE_MS = 2.1, 43.0  # a token: a model of 30B on a laptop
SIMILAR = 0.1


class CachingDouble(LlamaDouble):
    """`replies`: what is said next, in order."""

    def __init__(self, slots: int, model: str) -> None:
        super().__init__(slots)
        self.model = model
        self.replies: list[str] = []
        self._texts = [""] * slots
        self._used_at = [0] * slots
        self._turns = 0

    def _chat(self, body: Json) -> list[Step]:
        prompt = "".join(map(str, body.get("tools", ()))) + rendered(body["messages"])
        slot = body["id_slot"] if body.get("id_slot", -1) >= 0 else self._chosen(prompt)
        shared = len(commonprefix((self._texts[slot], prompt)))  # noqa: RUF071  # these are no paths
        text = self.replies.pop(0)
        cached = min(shared, len(prompt) - CHARACTERS) // CHARACTERS
        read = len(prompt) // CHARACTERS - cached
        written = max(len(text) // CHARACTERS, 1)
        self._turns += 1
        self._used_at[slot], self._texts[slot] = self._turns, prompt + text
        self._used(slot, cached + read + written - 1)
        reply = chat_reply(text, read, cached, written, model=self.model)
        reply["timings"] |= {"prompt_ms": read * READ_MS, "predicted_ms": written * WRITE_MS}
        return list(json_response(reply))

    def _chosen(self, prompt: str) -> int:
        """The slot that shares most, or the one that was not used for longest."""
        both = [(text, prompt) for text in self._texts]
        shares = [len(commonprefix(texts)) / len(prompt) for texts in both]  # noqa: RUF071  # no paths
        best = max(range(len(shares)), key=shares.__getitem__)
        if shares[best] > SIMILAR:
            return best
        return min(range(len(shares)), key=self._used_at.__getitem__)

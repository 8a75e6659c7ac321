"""Section memory: a GPU whose memory does not suffice is said to be so in a sentence, and is as good as before after it."""

from golden import all_passed
from runner import Outcome
from session import Session, Verdict, by_exit_code, failure

LIMIT = 120
SENTENCE = "out of device memory"
LEAST_OF_AN_IMAGE = 32  # MiB that a step of mobilenet_v2 at 224 holds for each image; it holds more


def refused_for_memory(outcome: Outcome) -> Verdict:
    if outcome.stopped or outcome.code is None or outcome.code < 0:
        return failure(outcome)
    if outcome.code == 0:
        return Verdict(False, "a batch that should not fit was trained on")
    told = [line for line in outcome.output.splitlines() if SENTENCE in line]
    return Verdict(True, told[0]) if told else failure(outcome)


def step(session: Session, batch: int) -> list:
    return [session.program("bench"), "step", "--device", "cuda", "--model", "mobilenet_v2", "--image-size", "224",
            "--batch-size", batch, "--steps", "1", "--json"]


def memory(session: Session) -> None:
    session.check("exhausted and used again, inside of one program",
                  [session.program("engine_tests"), "-tc=*memory of the device*"], LIMIT, all_passed)
    total = session.machine.gpu.memory_mib
    if total == 0:
        session.skip("a batch that does not fit", "nvidia-smi does not tell how much memory there is")
        return
    batch = min(65536, max(64, total // LEAST_OF_AN_IMAGE))
    if session.check(f"a batch of {batch} does not fit", step(session, batch), LIMIT, refused_for_memory):
        session.check("the next program finds its memory", step(session, 8), LIMIT, by_exit_code)


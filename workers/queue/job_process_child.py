"""The job process: `python -m workers.queue.job_process_child FD PARENT_PID`, a child that runs one job after another.

It gets its settings and its jobs over the socket FD, imports and warms up the engine once, and keeps all that it
loaded between jobs. It has its own connection to Redis. It must never outlive its parent, or it would run beside the
retry of its job: the kernel kills it when the parent ends, and a thread does so when the socket closes. Which job runs
when, and how long it may take, is its parent's business (`workers.queue.execution`); what a job is,
`workers.queue.tasks`.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from queue import SimpleQueue

from service.logs import about, set_up_logging
from service.telemetry import set_up_telemetry, span
from workers.contract.errors import RetargetError
from workers.platform.processes import die_with_parent, forbid_core_dumps, limit_memory
from workers.queue import tasks
from workers.queue.connections import patient_redis
from workers.queue.figures import ModelLoads, gpu_memory
from workers.queue.job_process_channel import Channel, ChannelClosed, Message
from workers.queue.settings import WorkerSettings

LOG = logging.getLogger("retarget.job_process")


def main(descriptor: int, parent_pid: int) -> None:
    """Serve the parent at the other end of `descriptor` until it hangs up; does not return."""
    die_with_parent(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which decides about the job
    forbid_core_dumps()
    channel = Channel(socket.socket(fileno=descriptor))
    requests: SimpleQueue[Message] = SimpleQueue()
    threading.Thread(target=_listen, args=(channel, requests), daemon=True, name="parent").start()

    settings = WorkerSettings(**requests.get()["settings"])
    set_up_logging(f"job-process[{os.getpid()}]", settings.log_format)
    set_up_telemetry("worker", settings.telemetry)
    limit_memory(settings.horse_memory_max_bytes)
    context = tasks.TaskContext.open(settings, patient_redis(settings))
    context.warm_up()
    loads = ModelLoads(context.store.redis)
    loads.tell()
    channel.send({"ready": os.getpid(), "device": _device(), "gpu": gpu_memory()})
    while True:
        request = requests.get()
        outcome = _run(context, request)
        loads.tell()
        channel.send({"ended": outcome.how, "worn_out": outcome.worn_out, "gpu": gpu_memory()})


def _run(context: tasks.TaskContext, request: Message) -> tasks.Outcome:
    names = {name: str(request[name]) for name in ("job_id", "execution_id")}
    with about(**names, request_id=request["request_id"]), span("execution", request["trace"], **names):
        return context.run(**names, timeout_s=float(request["timeout_s"]))


def _device() -> str | None:
    """What the models work on, by name; None where none was loaded. Never the first to import torch."""
    if "torch" not in sys.modules:
        return None
    import torch

    from workers.semantics.encoders.loading import choose_device

    try:
        device = choose_device("auto")
    except RetargetError:  # asked for and absent: each job says so
        return None
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _listen(channel: Channel, requests: SimpleQueue[Message]) -> None:
    """Queue what the parent sends; when it hangs up, end this process and all that it started."""
    try:
        while True:
            message = channel.receive()
            if message is not None:
                requests.put(message)
    except ChannelClosed:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

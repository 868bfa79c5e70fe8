"""`llama_process.py GGUF SLOTS chat|embeddings [CHAT_TEMPLATE]`: llama.cpp's server until standard
input closes.

The parent holds the other end, so the server ends with it, however it ends.
"""

from __future__ import annotations

import os
import sys

import xllamacpp


def main(model: str, slots: int, kind: str, chat_template: str = "") -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {"smollm2"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.n_parallel = slots
    parameters.n_ctx = 2048 * slots
    parameters.n_threads_http = 4
    parameters.offline = True
    parameters.ui = False
    if kind == "embeddings":
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if chat_template:
        parameters.chat_template = chat_template
    server = xllamacpp.Server(parameters)
    print("listening", server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])

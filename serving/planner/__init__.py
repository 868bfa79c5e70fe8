"""GPU memory of a model server before it is started: does it fit, how much KV cache is left, why.

`planning.make_plan` is the entrance. Pure: no network, no GPU, no clock.
"""

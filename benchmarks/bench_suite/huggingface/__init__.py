"""The bridge to Hugging Face `evaluate`: exports plain metrics as its modules, and uses its modules as metrics.

`import evaluate` takes seconds, so only `evaluate_wrapper` imports it at its top, and that module is imported only when
it is needed.
"""

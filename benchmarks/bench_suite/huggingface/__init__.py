"""The bridge to Hugging Face `evaluate`: plain metrics offered as its modules, its modules used as metrics.

`import evaluate` takes seconds, so only `plain_metric` imports it, and that is imported where a module is asked for.
"""
